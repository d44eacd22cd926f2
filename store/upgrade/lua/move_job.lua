-- Moves a job of release 0.1.0, with its request and its history, to the current keys. Returns 1; 0 if there is none.
-- If the current keys have the job already, that one is kept: a program of 0.1.0 was asked for the same later. If it is
-- finished there, and pending here, it runs again; a worker then finds its version, or makes it anew.
local old_record = KEYS[1]
local old_request = KEYS[2]
local old_events = KEYS[3]
local record = KEYS[4]
local request = KEYS[5]
local events = KEYS[6]
local active = KEYS[7]
local last_run = KEYS[8]
local id = ARGV[1]
local lane = ARGV[2]

if redis.call('TYPE', old_record).ok ~= 'hash' then return 0 end

-- Returns the table of a flat list of names and values, such as the answer of HGETALL.
local function table_of(flat)
  local fields = {}
  for at = 1, #flat, 2 do fields[flat[at]] = flat[at + 1] end
  return fields
end

-- Returns the changing fields of a record or an event by their current names, as a flat list.
local function changing(old)
  local found = {run = old.run, state = old.state, client = '', lane = lane, phase = old.phase, done = old.done or '0',
                 total = old.total or '0', result = old.version, error = old.error, created_at = old.created_at,
                 updated_at = old.updated_at, cancel = old.cancel}
  local flat = {}
  for _, name in ipairs({'run', 'state', 'client', 'lane', 'phase', 'done', 'total', 'result', 'error', 'created_at',
                         'updated_at', 'cancel'}) do
    if found[name] then
      flat[#flat + 1] = name
      flat[#flat + 1] = found[name]
    end
  end
  return flat
end

-- Adds a pending record to the active ones, as `prolong` in store/runs/lua/shared.lua does.
local function activate(run)
  redis.call('ZADD', active, 1e12 + run, id)
end

local function raise_last_run(run)
  if (tonumber(redis.call('GET', last_run) or 0) or 0) < run then redis.call('SET', last_run, run) end
end

local function is_pending(state)
  return state == 'queued' or state == 'running'
end

-- Begins the next run of a record that is finished.
local function begin_again(old)
  local run = math.max(tonumber(redis.call('GET', last_run) or 0) or 0,
                       tonumber(redis.call('HGET', record, 'run') or 0) or 0) + 1
  redis.call('HDEL', record, 'error', 'result', 'cancel', 'phase', 'started_at', 'holder', 'note')
  redis.call('HSET', record, 'run', run, 'state', 'queued', 'attempts', 0, 'done', 0, 'total', 0,
             'created_at', old.created_at, 'updated_at', old.updated_at)
  redis.call('PERSIST', record)
  redis.call('PERSIST', events)
  redis.call('XADD', events, '*', 'job',
             cjson.encode(changing({run = tostring(run), state = 'queued', created_at = old.created_at,
                                    updated_at = old.updated_at})))
  redis.call('RENAME', old_request, request)
  activate(run)
  raise_last_run(run)
end

local function expire_as(from, to)
  local left = redis.call('PTTL', from)
  if left > 0 then redis.call('PEXPIRE', to, left) end
end

local old = table_of(redis.call('HGETALL', old_record))
if not old.run or not old.state then return 0 end
if redis.call('EXISTS', record) == 1 then
  local wanted = is_pending(old.state) and not old.cancel and redis.call('EXISTS', old_request) == 1
  if wanted and not is_pending(redis.call('HGET', record, 'state')) then
    begin_again(old)
  end
  redis.call('DEL', old_record, old_events, old_request)
  return 1
end
-- The JSON is concatenated and not decoded, since Lua would round its numbers.
local about = '{"ordering":' .. (old.ordering or 'null') .. ',"stream":' .. cjson.encode(old.stream) .. '}'
redis.call('DEL', events)
redis.call('HSET', record, 'about', about, 'attempts', old.attempts or 0, 'steps', 0, unpack(changing(old)))
expire_as(old_record, record)
for _, entry in ipairs(redis.call('XRANGE', old_events, '-', '+')) do
  local then_ = table_of(cjson.decode(table_of(entry[2]).job))
  redis.call('XADD', events, entry[1], 'job', cjson.encode(changing(then_)))
end
expire_as(old_events, events)
if redis.call('EXISTS', old_request) == 1 then redis.call('RENAME', old_request, request) end
if is_pending(old.state) then activate(tonumber(old.run)) end
raise_last_run(tonumber(old.run))
redis.call('DEL', old_record, old_events)
return 1
