-- The suppression list.

local function scope_check(scope)
  if scope ~= 'g' and not find(scope, '^[tl]%d+$') then bad('scope') end
end

local function suppress_add(s, A, key)
  local n = #A / 3
  if n ~= floor(n) or n < 1 or n > MAX then bad('suppress_add') end
  for i = 1, #A, 3 do
    if #A[i] ~= 8 then bad('hash') end
    scope_check(A[i + 1])
    if not RANK[A[i + 2]] then bad('reason') end
  end
  shard_check(key)
  local buckets, added = buckets_of(key), 0
  call('HLEN', s .. ':sn')
  for i = 1, #A, 3 do
    added = added + suppress_put(s, buckets, A[i], A[i + 1], A[i + 2])
  end
  return added
end

local function suppress_remove(s, A, key)
  local n = (#A - 1) / 2
  if n ~= floor(n) or n < 1 or n > MAX then bad('suppress remove') end
  for i = 2, #A, 2 do
    if #A[i] ~= 8 then bad('hash') end
    scope_check(A[i + 1])
  end
  local buckets, removed = buckets_of(key), 0
  call('HLEN', s .. ':sn')
  for i = 2, #A, 2 do
    local k, f = bucket_key(s, buckets, A[i]), sub(A[i], 3, 8) .. A[i + 1]
    local old = call('HGET', k, f)
    if old then
      call('HDEL', k, f)
      removed = removed + 1
      local name = A[i + 1] .. ' ' .. old
      if call('HINCRBY', s .. ':sn', name, -1) <= 0 then
        call('HDEL', s .. ':sn', name)
      end
    end
  end
  return removed
end

local function suppress_test(s, A, key)
  if #A < 3 or #A > MAX or #A[2] ~= 8 then bad('suppress test') end
  local f, t = {}, sub(A[2], 3, 8)
  for i = 3, #A do f[i - 2] = t .. A[i] end
  local r = call('HMGET', bucket_key(s, buckets_of(key), A[2]), unpack(f))
  for i = 1, #f do r[i] = r[i] or '' end
  return r
end

local function suppress_count(s)
  local r = call('HGETALL', s .. ':sn')
  for i = 2, #r, 2 do r[i] = tonumber(r[i]) end
  return r
end

local SUPPRESS = {remove = suppress_remove, test = suppress_test,
  count = suppress_count}

local function suppress(s, A, key)
  local f = SUPPRESS[A[1] or '']
  if not f then bad('suppress') end
  shard_check(key)
  return f(s, A, key)
end

register('suppress_add', suppress_add)
register('suppress', suppress, 'allow-oom')
