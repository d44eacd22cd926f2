-- The beginning of every script that changes a run, after time.lua: the arguments that all of them take, and the steps
-- that they share. store/runs/scripts.py declares the arguments and checks these names against them.
local record = KEYS[1]
local active = KEYS[2]
local request = KEYS[3]
local events = KEYS[4]
local lease = KEYS[5]
local last_run = KEYS[6]
local recent = KEYS[7]
local waiting = KEYS[8]
local id = ARGV[1]
local changes = ARGV[2]
local pending_seconds = tonumber(ARGV[3])
local unasked_seconds = tonumber(ARGV[4])
local succeeded_seconds = tonumber(ARGV[5])
local failed_seconds = tonumber(ARGV[6])
local cancelled_seconds = tonumber(ARGV[7])
local until_fetched = ARGV[8] == '1'
local events_kept = tonumber(ARGV[9])

-- No script but each.lua, which asks first, is refused because memory is full: what was accepted is kept, and ends. Redis
-- refuses a command that needs memory only if the script has written nothing yet. No key has this name.
redis.call('DEL', waiting)

-- Deletes a key of another type than this program's: otherwise a command below would fail in the middle of a change.
local function delete_unless(kind, key)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end

delete_unless('hash', record)
delete_unless('zset', active)
delete_unless('string', request)
delete_unless('stream', events)
delete_unless('string', lease)
delete_unless('string', last_run)
delete_unless('zset', recent)

-- Returns the number in a field of the record; 0 if there is none, or something else.
local function number_in(name)
  return tonumber(redis.call('HGET', record, name) or 0) or 0
end

local state = redis.call('HGET', record, 'state')
-- 0 if the record is damaged or missing; no run has that number.
local present_run = number_in('run')
local pending = (state == 'queued' or state == 'running') and present_run > 0

-- Returns whether `run` is the record's present run: a message of an earlier run must change nothing.
local function is_run(run)
  return present_run == run
end

-- Returns whether the run is at its present attempt by this holder: one that lost its lease may still be at work.
local function is_held_by(run, holder)
  return is_run(run) and state == 'running' and redis.call('HGET', record, 'holder') == holder
end

-- Returns the key of the clients that wait in the record's lane, and the key of the waiting runs of its client; nothing
-- for a look, which is delivered by a queue of its own. Whatever lane a later release adds, its runs may take long.
local function places()
  local lane = redis.call('HGET', record, 'lane')
  if lane == 'look' then return nil end
  if lane ~= 'order' then lane = 'compute' end
  local turns = waiting .. ':' .. lane
  return turns, turns .. ':' .. (redis.call('HGET', record, 'client') or '')
end

-- Returns the number of a turn after all that are given.
local function last_turn(turns)
  return (tonumber(redis.call('ZRANGE', turns, -1, -1, 'WITHSCORES')[2]) or 0) + 1
end

-- Lets workers take the record's run: among the runs of its client by their numbers, and the client after all that wait
-- already. A worker without work is woken where none waited; a worker that has work asks again after it.
local function offer()
  local turns, own = places()
  if not turns then return end
  delete_unless('zset', turns)
  delete_unless('zset', own)
  redis.call('HDEL', record, 'not_before')
  local client = own:sub(#turns + 2)
  if not redis.call('ZSCORE', turns, client) then
    if redis.call('EXISTS', turns) == 0 then redis.call('PUBLISH', turns, id) end
    redis.call('ZADD', turns, last_turn(turns), client)
  end
  redis.call('ZADD', own, redis.call('HGET', record, 'run'), id)
end

-- Takes the record's run from those that wait.
local function withdraw()
  local turns, own = places()
  if not turns then return end
  delete_unless('zset', own)
  redis.call('ZREM', own, id)
end

-- Adds the record to the active ones, and to those of its client, which may have a share of them alone.
local function activate(score)
  redis.call('ZADD', active, score, id)
  local client = redis.call('HGET', record, 'client')
  if client and client ~= '' then
    local own = active .. ':' .. client
    delete_unless('zset', own)
    redis.call('ZADD', own, score, id)
    redis.call('EXPIRE', own, 604800)
  end
end

-- Takes the record from the active ones.
local function deactivate()
  redis.call('ZREM', active, id)
  redis.call('ZREM', active .. ':' .. (redis.call('HGET', record, 'client') or ''), id)
end

local function cancelling()
  return redis.call('HEXISTS', record, 'cancel') == 1
end

-- Adds the record to its history, if its kind has one, and wakes its waiters. `about` is left out: it never changes,
-- and may be long.
local function publish()
  if events_kept > 0 then
    local names = {'run', 'state', 'client', 'lane', 'phase', 'done', 'total', 'result', 'error', 'created_at',
                   'updated_at', 'cancel', 'attempts', 'started_at', 'note'}
    local values = redis.call('HMGET', record, unpack(names))
    local event = {}
    for i, name in ipairs(names) do
      if values[i] then
        event[#event + 1] = name
        event[#event + 1] = values[i]
      end
    end
    redis.call('XADD', events, 'MAXLEN', '~', events_kept, '*', 'job', cjson.encode(event))
  end
  redis.call('PUBLISH', changes, id .. ' ' .. redis.call('HGET', record, 'state'))
end

-- Sets the expiry of a pending record anew, by the policy of its kind. The active records of a kind that does not expire
-- are sorted by their run, in the order in which they were submitted. 1e12 is later than any time in seconds.
local function prolong()
  if pending_seconds == 0 then
    redis.call('PERSIST', record)
    redis.call('PERSIST', events)
    activate(1e12 + redis.call('HGET', record, 'run'))
  else
    redis.call('EXPIRE', record, pending_seconds)
    redis.call('EXPIRE', request, pending_seconds)
    activate(seconds + pending_seconds)
  end
end

-- Resets the progress to that of a run that has not begun.
local function reset_progress()
  redis.call('HDEL', record, 'phase', 'started_at')
  redis.call('HSET', record, 'done', 0, 'total', number_in('steps'))
end

local function forget()
  withdraw()
  deactivate()
  redis.call('DEL', record, request, events, lease)
  redis.call('ZREM', recent, id)
end

-- Deletes the record if the last submission is too long ago by the policy of its kind; returns whether it did.
local function forget_unasked()
  if unasked_seconds == 0 then return false end
  if seconds - number_in('asked') <= unasked_seconds then return false end
  forget()
  return true
end

local function finish(final)
  local kept = {succeeded = succeeded_seconds, failed = failed_seconds, cancelled = cancelled_seconds}
  redis.call('HSET', record, 'state', final, 'updated_at', now)
  redis.call('HDEL', record, 'holder', 'note', 'not_before')
  withdraw()
  redis.call('DEL', request, lease)
  if until_fetched then
    activate(seconds + kept[final])
  else
    deactivate()
    redis.call('ZADD', recent, seconds, id)
    redis.call('ZREMRANGEBYRANK', recent, 0, -1001)
    redis.call('EXPIRE', recent, math.max(succeeded_seconds, failed_seconds, cancelled_seconds))
  end
  publish()
  redis.call('EXPIRE', record, kept[final])
  redis.call('EXPIRE', events, kept[final])
end
