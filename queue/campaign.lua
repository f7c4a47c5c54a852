-- Campaigns and the numbers of names.

local STATES = {A = true, P = true, X = true, F = true}

local function intern(s, A, key)
  if #A == 0 or #A % 2 ~= 0 or #A > 2 * MAX then bad('intern') end
  shard_check(key)
  local out = {}
  for i = 1, #A, 2 do
    local f = A[i] .. '\n' .. A[i + 1]
    local n = call('HGET', s .. ':names', f)
    if not n then
      n = call('HINCRBY', key, 'names', 1)
      call('HSET', s .. ':names', f, n)
    end
    out[#out + 1] = tonumber(n)
  end
  return out
end

local function campaign_new(s, A, key)
  if #A ~= 5 or not STATES[A[3]] then bad('campaign_new') end
  local c, now = A[1], A[2]
  num(c, 'campaign')
  num(now, 'now')
  shard_check(key)
  local ck = s .. ':c:' .. c
  local st = call('HGET', ck, 'st')
  call('ZADD', s .. ':cs', c, c)
  if (st or A[3]) == 'A' then call('ZADD', s .. ':act', 'NX', now, c) end
  if st then return {0, st} end
  call('HSET', ck, 'sc', A[4], 'meta', A[5], 'created', now, 'st', A[3])
  return {1, A[3]}
end

local function campaign_unpin(s, ck)
  local b = call('HGET', ck, 'base')
  if not b then return end
  call('HDEL', ck, 'base')
  base_release(s, b, 1)
end

local function campaign_set(s, A)
  if #A ~= 4 or not STATES[A[4]] then bad('campaign set') end
  local c, now, want = A[2], A[3], A[4]
  num(now, 'now')
  local ck = s .. ':c:' .. c
  local st = call('HGET', ck, 'st')
  if not st then return {} end
  if st == 'X' then want = 'X' end
  if want == 'A' then
    call('ZADD', s .. ':act', 'NX', now, c)
  else
    if want == 'X' and st ~= 'X' then call('SADD', s .. ':reap', c) end
    call('ZREM', s .. ':act', c)
  end
  if want ~= st then call('HSET', ck, 'st', want) end
  if want == 'X' then campaign_unpin(s, ck) end
  return {want}
end

local function campaign_get(s, A)
  if #A ~= 2 then bad('campaign get') end
  local r = call('HGETALL', s .. ':c:' .. A[2])
  if #r == 0 then return {} end
  r[#r + 1] = 'lanes'
  r[#r + 1] = tostring(call('ZCARD', s .. ':r:' .. A[2]))
  return r
end

local function campaign_list(s, A)
  if #A ~= 3 then bad('campaign list') end
  local from = num(A[2], 'cursor')
  local limit = limit_of(A[3])
  local r = call('ZRANGEBYSCORE', s .. ':cs', '(' .. from, '+inf', 'LIMIT', 0,
    limit)
  table.insert(r, 1, #r < limit and '0' or r[#r])
  return r
end

-- Writes the pin of a base that is counted for it already.
local function campaign_repin(s, c, b)
  local ck = s .. ':c:' .. c
  local old = call('HGET', ck, 'base')
  call('HSET', ck, 'base', b)
  if old then base_release(s, old, 1) end
end

local function campaign_pin(s, A)
  if #A ~= 3 or #A[3] ~= 8 or A[3] == NOBASE then bad('campaign pin') end
  local c, b = A[2], A[3]
  local m = call('HMGET', s .. ':c:' .. c, 'st', 'base')
  if not m[1] or m[1] == 'X' then return 0 end
  if m[2] == b then return 1 end
  if not call('HGET', s .. ':bc', b) then return 0 end
  call('HINCRBY', s .. ':bc', b, 1)
  campaign_repin(s, c, b)
  return 1
end

local CAMPAIGN = {set = campaign_set, get = campaign_get,
  list = campaign_list, pin = campaign_pin}

local function campaign(s, A, key)
  local f = CAMPAIGN[A[1] or '']
  if not f then bad('campaign') end
  if A[1] ~= 'list' then num(A[2], 'campaign') end
  shard_check(key)
  return f(s, A)
end

register('intern', intern)
register('campaign_new', campaign_new)
register('campaign', campaign, 'allow-oom')
