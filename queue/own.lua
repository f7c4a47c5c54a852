-- Who owns a shard, by Redis' clock.

local function own_now()
  local t = call('TIME')
  return tonumber(t[1]) * 1000 + floor(tonumber(t[2]) / 1000)
end

local function own_create(key, A)
  local m = call('HMGET', key, 'schema', 'shards', 'keyfp')
  if not m[1] then
    call('HSET', key, 'shards', A[4], 'keyfp', A[5], 'buckets', A[6],
      'epoch', 0, 'inc', 0, 'live', 0, 'schema', 1)
    return
  end
  if m[1] ~= '1' then bad('schema ' .. m[1]) end
  if m[2] ~= A[4] then refuse('BADSHARDS ' .. tostring(m[2])) end
  if m[3] ~= A[5] then refuse('BADKEY ' .. tostring(m[3])) end
end

-- The recent answers of incarnations long gone.
local function own_forget(s, inc)
  local old = inc - 32
  if old < 1 or call('EXISTS', s .. ':rc') == 0 then return end
  local a = {'HDEL', s .. ':rc'}
  for i = 0, 63 do a[#a + 1] = old .. '.' .. i end
  call(unpack(a))
end

local function own(s, A, key)
  if #A ~= 6 or A[1] == '' then bad('own') end
  local ttl, boot = num(A[2], 'ttl'), A[3] == '1'
  num(A[4], 'shards')
  if num(A[6], 'buckets') < 1 or tonumber(A[6]) > 10000 then bad('buckets') end
  own_create(key, A)
  local now = own_now()
  local inc
  if boot then
    inc = call('HINCRBY', key, 'inc', 1)
    own_forget(s, inc)
  end
  local m = call('HMGET', key, 'owner', 'until', 'epoch', 'inc')
  local mine = m[1] == A[1]
  local till = tonumber(m[2] or '0') or 0
  inc = inc or tonumber(m[4])
  if m[1] and m[1] ~= '' and not mine and till > now then
    return {'HELD', tonumber(m[3]), inc, now, m[1], till}
  end
  local epoch = tonumber(m[3])
  if boot or not mine or till <= now then
    epoch = call('HINCRBY', key, 'epoch', 1)
  end
  till = now + ttl
  call('HSET', key, 'owner', A[1], 'until', till)
  return {'OWNED', epoch, inc, now, A[1], till}
end

local function disown(s, A, key)
  if #A ~= 1 then bad('disown') end
  epoch_check(key, A[1])
  call('HDEL', key, 'owner', 'until')
  call('HINCRBY', key, 'epoch', 1)
  return 1
end

register('own', own, 'allow-oom')
register('disown', disown, 'allow-oom')
