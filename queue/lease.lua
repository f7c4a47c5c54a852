-- Records go in flight with the owner.

-- A lane asked for: c, d, max; then recs, more, held, out, sup.

-- Marks the lane as held, or reads its head.  What a damaged lane holds stays
-- where it is.
local function lease_read(x, l, nb)
  local i = x.camps[l.c]
  if not i.open or (nb and tonumber(nb) > x.now) then
    l.held = 1
    return
  end
  l.scopes = i.scopes
  if l.max > MAX - x.n then l.max = MAX - x.n end
  if l.max < 1 then
    l.more = 1
    return
  end
  local recs = pcall_('LRANGE', x.s .. ':q:' .. l.c .. ':' .. l.d, 0, l.max)
  if recs.err then
    x.err, l.held = x.err or recs, 1
    return
  end
  if #recs > l.max then
    l.more = 1
    recs[l.max + 1] = nil
  end
  x.n, x.read = x.n + #recs, x.read + 1
  l.recs = recs
end

-- What may be done with a campaign's lanes, and their not-before times.
local function lease_camp(x, c, ds)
  local m = pcall_('HMGET', x.s .. ':c:' .. c, 'st', 'sc')
  local z = m.err and m or pcall_('ZMSCORE', x.s .. ':r:' .. c, unpack(ds))
  if z.err then
    x.err, x.camps[c] = x.err or z, {}
    return {}
  end
  x.camps[c] = {open = m[1] == 'A' or m[1] == 'F', scopes = scopes_of(m[2])}
  return z
end

local function lease_parse(A)
  local lanes, by = {}, {}
  for i = 3, #A, 3 do
    local l = {c = A[i], d = A[i + 1], max = num(A[i + 2], 'max')}
    lanes[#lanes + 1] = l
    local ds = by[l.c]
    if not ds then
      ds = {}
      by[l.c] = ds
    end
    ds[#ds + 1] = l.d
    l.at = #ds
  end
  return lanes, by
end

-- Sorts the heads of the lanes: what to hand out, what is suppressed, what a
-- fenced daemon has settled.  An id in flight already, or met before, is a
-- copy that an error left: it falls out uncounted.
local function lease_sort(x, lanes, ids, all)
  local s, at, seen = x.s, 0, {}
  local have = call('HMGET', s .. ':inf', unpack(ids))
  local late = late_of(s, ids, all)
  local hset, h = {'HSET', s .. ':inf'}, 2
  for j = 1, #lanes do
    local l = lanes[j]
    local p, out, sup = l.c .. '\n' .. l.d .. '\n', {}, {}
    for i = 1, l.recs and #l.recs or 0 do
      at = at + 1
      local r, id = l.recs[i], ids[at]
      if #r < HEAD or seen[id] or have[at] then
        -- nothing to hand out
      elseif late and late[id] then
        tally_gone(x.tally, l.c, late[id], r)
        x.late[id] = true
      elseif suppressed(s, x.buckets, l.scopes, sub(r, 9, 16)) then
        tally_gone(x.tally, l.c, 'u', r)
        sup[#sup + 1] = r
      else
        out[#out + 1] = r
        hset[h + 1], hset[h + 2], h = id, p .. r, h + 2
      end
      seen[id] = true
    end
    l.out, l.sup = out, sup
  end
  if h > 2 then call(unpack(hset)) end
end

-- What was sorted leaves its lanes.
local function lease_take(s, lanes)
  local gone = {}
  for j = 1, #lanes do
    local l = lanes[j]
    if l.recs then
      local key = s .. ':q:' .. l.c .. ':' .. l.d
      if l.more then
        call('LTRIM', key, #l.recs, -1)
      else
        if #l.recs > 0 then call('DEL', key) end
        gone[l.c] = gone[l.c] or {'ZREM', s .. ':r:' .. l.c}
        table.insert(gone[l.c], l.d)
      end
    end
  end
  for _, z in pairs(gone) do call(unpack(z)) end
end

local function lease_all(x, lanes, by)
  local nb, ids, all, seen = {}, {}, {}, {}
  for c, ds in pairs(by) do nb[c] = lease_camp(x, c, ds) end
  for j = 1, #lanes do
    local l = lanes[j]
    local key = l.c .. '\n' .. l.d
    if seen[key] then
      l.more = 1
    else
      lease_read(x, l, nb[l.c][l.at])
    end
    seen[key] = true
    for i = 1, l.recs and #l.recs or 0 do
      ids[#ids + 1] = sub(l.recs[i], 1, 8)
      all[#all + 1] = l.recs[i]
    end
  end
  if x.err and x.read == 0 then return x.err end
  if #ids > 0 then lease_sort(x, lanes, ids, all) end
  lease_take(x.s, lanes)
  local res = {}
  for j = 1, #lanes do
    local l = lanes[j]
    res[j] = {l.c, l.d, l.out or {}, l.sup or {}, l.more or 0, l.held or 0}
  end
  return res
end

local function lease(s, A, key)
  local n = (#A - 2) / 3
  if #A < 5 or n ~= floor(n) or n > MAX then bad('lease') end
  local now = num(A[2], 'now')
  epoch_check(key, A[1])
  local x = {s = s, now = now, n = 0, read = 0, camps = {}, late = {},
    tally = tally_new(), buckets = buckets_of(key)}
  local res = lease_all(x, lease_parse(A))
  tally_finish(s, x)
  return res
end

local function hold(s, A, key)
  if #A < 4 or #A > 3 + MAX then bad('hold') end
  num(A[3], 'until')
  epoch_check(key, A[1])
  local z = {'ZADD', s .. ':r:' .. A[2], 'XX', 'GT', 'CH'}
  for i = 4, #A do
    z[#z + 1] = A[3]
    z[#z + 1] = A[i]
  end
  return call(unpack(z))
end

register('lease', lease, 'allow-oom')
register('hold', hold, 'allow-oom')
