-- Records come in: at once into lanes, later ones into dly, or staged.

local function enqueue_bases(A, x, at)
  for i = 1, x.nbases do
    local b, bytes, c = A[at], A[at + 1], A[at + 2]
    if not c or #b ~= 8 or b == NOBASE then bad('base') end
    if c ~= '' then
      num(c, 'campaign')
      x.camps[c] = true
      x.pins[c] = b
    end
    x.given[b] = bytes
    at = at + 3
  end
  return at
end

-- All of the arguments, checked.
local function enqueue_parse(A)
  local x = {now = num(A[3], 'now'), T = A[4], given = {}, pins = {},
    camps = {}, recs = {}}
  num(A[1], 'inc')
  x.seq = num(A[2], 'seq')
  x.nbases = num(A[5], 'nbases')
  if not x.T or x.nbases > MAX then bad('enqueue') end
  local at = enqueue_bases(A, x, 6)
  local n = (#A - at + 1) / 4
  if n ~= floor(n) or n > MAX or n + x.nbases < 1 then bad('enqueue') end
  for i = 1, n do
    local c, d, due, rec = A[at], A[at + 1], A[at + 2], A[at + 3]
    if not x.camps[c] then
      num(c, 'campaign')
      x.camps[c] = true
    end
    if d == '' or find(d, '\n', 1, true) then bad('domain') end
    if #rec < HEAD then bad('record') end
    x.recs[i] = {c, d, rec, due == '0' and 0 or num(due, 'due')}
    at = at + 4
  end
  x.slot = A[1] .. '.' .. (x.seq % 64)
  return x
end

-- The answer to a repeat, or nil.
local function enqueue_again(s, x)
  local v = call('HGET', s .. ':rc', x.slot)
  if not v then return nil end
  local seq, letters = string.match(v, '^(%d+)\n(.*)$')
  seq = tonumber(seq)
  if seq == x.seq then return {'OK', letters} end
  if seq > x.seq then bad('seq: too old') end
  return nil
end

-- States and scopes of the campaigns; the answer when one is unknown.
local function enqueue_camps(s, x)
  local missing = {'NOCAMP'}
  for c in pairs(x.camps) do
    local m = call('HMGET', s .. ':c:' .. c, 'st', 'sc')
    if not m[1] then missing[#missing + 1] = c end
    x.camps[c] = {st = m[1], scopes = scopes_of(m[2])}
  end
  return #missing > 1 and missing or nil
end

-- A letter for each record; counts what each base will be needed for.
local function enqueue_sort(s, x, key)
  local buckets = buckets_of(key)
  x.need, x.out, x.letters, x.order = {}, {}, {}, {}
  for i = 1, #x.recs do
    local e = x.recs[i]
    local camp = x.camps[e[1]]
    if camp.st == 'X' then
      x.letters[i] = 'x'
    elseif suppressed(s, buckets, camp.scopes, sub(e[3], 9, 16)) then
      x.letters[i] = 's'
    else
      x.letters[i] = 'k'
      local b = sub(e[3], 17, 24)
      if b ~= NOBASE then
        if not x.need[b] then x.order[#x.order + 1] = b end
        x.need[b] = (x.need[b] or 0) + 1
      end
    end
  end
  for c, b in pairs(x.pins) do
    if x.camps[c].st == 'X' then
      x.pins[c] = nil
    elseif not x.need[b] then
      x.need[b] = 0
      x.order[#x.order + 1] = b
    end
  end
end

-- The answer when a base is neither here nor given.
local function enqueue_missing(s, x)
  if #x.order == 0 then return nil end
  local have, missing = call('HMGET', s .. ':bc', unpack(x.order)), {'NOBASE'}
  x.fresh = {}
  for i = 1, #x.order do
    local b = x.order[i]
    if not have[i] then
      if x.given[b] then
        x.fresh[#x.fresh + 1] = b
      else
        missing[#missing + 1] = b
      end
    end
  end
  return #missing > 1 and missing or nil
end

-- Bases come first; a pin is one more need, taken over by the campaign.
local function enqueue_write_bases(s, x)
  for i = 1, #(x.fresh or {}) do
    call('SET', s .. ':b:' .. x.fresh[i], x.given[x.fresh[i]])
  end
  for b, n in pairs(x.need) do
    if n > 0 then call('HINCRBY', s .. ':bc', b, n) end
  end
  for c, b in pairs(x.pins) do
    if call('HGET', s .. ':c:' .. c, 'base') ~= b then
      call('HINCRBY', s .. ':bc', b, 1)
      campaign_repin(s, c, b)
    end
  end
end

local function enqueue_undo_bases(s, x)
  for b, n in pairs(x.need) do
    if n > 0 then base_release(s, b, n) end
  end
end

local function enqueue_stage(s, x)
  local a = {'RPUSH', s .. ':st:' .. x.T}
  for i = 1, #x.recs do
    local e, l = x.recs[i], x.letters[i]
    if l ~= 'x' then
      a[#a + 1] = table.concat({e[1], e[2], e[4], l == 'k' and e[3] or ''},
        '\n')
    end
  end
  if #a == 2 then return nil end
  local r = pcall_('ZADD', s .. ':sts', 'NX', x.now, x.T)
  if type(r) == 'table' then return r end
  r = pcall_(unpack(a))
  return type(r) == 'table' and r or nil
end

local function enqueue_dly(s, x, later)
  local z = {'ZADD', s .. ':dly'}
  for i = 1, #later do
    local e = later[i]
    z[#z + 1] = e[4]
    z[#z + 1] = e[1] .. '\n' .. e[2] .. '\n' .. e[3]
  end
  local r = pcall_(unpack(z))
  return type(r) == 'table' and r or nil
end

-- Takes back what this call wrote, so that an error means nothing came in.
local function enqueue_undo(s, list, failed, later)
  local n = {}
  for i = 1, #list do
    if not failed[i] then
      local k = s .. ':q:' .. list[i][1] .. ':' .. list[i][2]
      n[k] = (n[k] or 0) + 1
    end
  end
  for k, v in pairs(n) do call('RPOP', k, v) end
  if #later == 0 then return end
  local z = {'ZREM', s .. ':dly'}
  for i = 1, #later do
    local e = later[i]
    z[#z + 1] = e[1] .. '\n' .. e[2] .. '\n' .. e[3]
  end
  call(unpack(z))
end

local function enqueue_place(s, x, t)
  local list, later = {}, {}
  for i = 1, #x.recs do
    local e, l = x.recs[i], x.letters[i]
    if l ~= 'x' then tally_count(t, e[1], 'q') end
    if l == 's' then
      tally_count(t, e[1], 'u')
    elseif l == 'k' then
      t.live = t.live + 1
      if e[4] > x.now then
        later[#later + 1] = e
      else
        list[#list + 1] = e
      end
    end
  end
  local err = #later > 0 and enqueue_dly(s, x, later)
  if err then return err end
  local failed, e2 = lanes_push(s, list, 'RPUSH', true)
  if e2 then enqueue_undo(s, list, failed, later) end
  return e2
end

local function enqueue(s, A, key)
  local x = enqueue_parse(A)
  shard_check(key)
  local again = enqueue_again(s, x) or enqueue_camps(s, x)
  if again then return again end
  enqueue_sort(s, x, key)
  local no = enqueue_missing(s, x)
  if no then return no end
  local t, err = tally_new(), nil
  enqueue_write_bases(s, x)
  if x.T ~= '' then
    err = enqueue_stage(s, x)
  else
    err = enqueue_place(s, x, t)
  end
  if err then
    enqueue_undo_bases(s, x)
    return err
  end
  for c, n in pairs(t.camp) do
    if n.q and x.camps[c].st == 'F' then
      call('HSET', s .. ':c:' .. c, 'st', 'A')
      call('ZADD', s .. ':act', 'NX', x.now, c)
    end
  end
  tally_write(s, t)
  local letters = table.concat(x.letters)
  call('HSET', s .. ':rc', x.slot, A[2] .. '\n' .. letters)
  return {'OK', letters}
end

register('enqueue', enqueue)
