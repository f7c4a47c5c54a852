-- What is stored, and how much.

local function base(s, A)
  if #A ~= 1 or #A[1] ~= 8 then bad('base') end
  return call('GET', s .. ':b:' .. A[1])
end

local function stat(s, A, key)
  shard_check(key)
  local live = tonumber(call('HGET', key, 'live') or '0') or 0
  local dly = call('ZCARD', s .. ':dly')
  local inf = call('HLEN', s .. ':inf')
  local park = call('HLEN', s .. ':park')
  local queued = live - dly - inf - park
  return {'queued', queued > 0 and queued or 0, 'deferred', dly,
    'inflight', inf, 'parked', park, 'campaigns', call('ZCARD', s .. ':cs'),
    'bases', call('HLEN', s .. ':bc'), 'staged', call('ZCARD', s .. ':sts'),
    'late', call('HLEN', s .. ':late')}
end

register('base', base, 'no-writes')
register('stat', stat, 'no-writes')
