-- A walk over deferred records and then all lanes, by a cursor that "0"
-- starts and ends.  Lanes are gone through backwards, each from its tail:
-- what comes in meanwhile shifts nothing unseen out of the way.
-- Cursors: "d zscan" and "l C rank seen D".

local function walk_cursor(text)
  if text == '0' then return {dly = '0'} end
  local z = string.match(text, '^d (%d+)$')
  if z then return {dly = z} end
  local c, rank, seen, d = string.match(text, '^l (%d+) (%d+) (%d+) ([^\n]+)$')
  if not c then bad('cursor') end
  return {c = c, rank = tonumber(rank), seen = tonumber(seen), d = d}
end

local function walk_text(w)
  if w.dly then return 'd ' .. w.dly end
  if not w.c then return '0' end
  return string.format('l %s %d %d %s', w.c, w.rank, w.seen, w.d)
end

-- On to the lane before this one, in this campaign or the next that has one;
-- no w.c: the end.  rounds bounds the campaigns without lanes.
local function walk_lane(s, w, rank)
  local c = w.c or '-1'
  if rank < 0 then
    w.c, w.d = nil, nil
    for _ = 1, MAX do
      c = call('ZRANGEBYSCORE', s .. ':cs', '(' .. c, '+inf', 'LIMIT', 0, 1)[1]
      if not c then return end
      rank = call('ZCARD', s .. ':r:' .. c) - 1
      w.c, w.rank, w.seen, w.d = c, 0, 0, '-'
      if rank >= 0 then break end
    end
  end
  w.c, w.seen = c, 0
  w.rank = rank < 0 and 0 or rank
  w.d = call('ZRANGE', s .. ':r:' .. c, w.rank, w.rank)[1] or '-'
end

-- A campaign may have lost lanes since the cursor was made.
local function walk_here(s, w)
  local rk = s .. ':r:' .. w.c
  local rank = call('ZRANK', rk, w.d)
  if rank then
    w.rank = rank
    return true
  end
  local top = call('ZCARD', rk) - 1
  walk_lane(s, w, w.rank - 1 < top and w.rank - 1 or top)
  return false
end

local function walk_part(s, w, budget, visit)
  local from = -(w.seen + budget)
  local recs = pcall_('LRANGE', s .. ':q:' .. w.c .. ':' .. w.d, from,
    -(w.seen + 1))
  if recs.err then recs = {} end
  local n, gone = #recs, 0
  if n > 0 then
    gone = visit({c = w.c, d = w.d, recs = recs, where = 'lane',
      first = n < budget and 0 or from})
  end
  if n < budget then
    walk_lane(s, w, w.rank - 1)
  else
    w.seen = w.seen + n - gone
  end
  return n
end

local function walk_dly(s, w, budget, visit)
  local r = call('ZSCAN', s .. ':dly', w.dly, 'COUNT', budget)
  local v = r[2]
  for i = 1, #v, 2 do
    local c, d, rec = split(v[i])
    if c then
      visit({c = c, d = d, recs = {rec}, where = 'deferred', member = v[i],
        due = v[i + 1]})
    end
  end
  w.dly = r[1]
  if r[1] == '0' then
    w.dly = nil
    walk_lane(s, w, -1)
  end
  return #v / 2
end

-- visit answers how many records it took out of the lane; x.stop set by it
-- ends the walk.  Looks at about limit records.
local function walk(s, text, limit, visit, x)
  local w, left = walk_cursor(text), limit
  for _ = 1, limit do
    if x.stop or left < 1 or not (w.dly or w.c) then break end
    if w.dly then
      left = left - walk_dly(s, w, left, visit)
    elseif walk_here(s, w) then
      left = left - walk_part(s, w, left, visit)
    end
  end
  return x.stop and '0' or walk_text(w)
end
