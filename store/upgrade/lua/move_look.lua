-- Moves a look at counts of release 0.1.0 to the current keys, unless they have it. Returns 1; 0 if there is none.
local old_record = KEYS[1]
local old_active = KEYS[2]
local record = KEYS[3]
local request = KEYS[4]
local active = KEYS[5]
local last_run = KEYS[6]
local id = ARGV[1]
local lane = ARGV[2]
local now = ARGV[3]

if redis.call('TYPE', old_record).ok ~= 'hash' then return 0 end

local function of_old(name)
  return redis.call('HGET', old_record, name)
end

local run = of_old('run')
if not run then return 0 end
if redis.call('EXISTS', record) == 1 then
  redis.call('DEL', old_record)
  redis.call('ZREM', old_active, id)
  return 1
end
local about = '{"source":' .. cjson.encode(of_old('source')) .. '}'
redis.call('DEL', request)
redis.call('HSET', record, 'about', about, 'run', run, 'state', of_old('state'), 'attempts', of_old('attempts') or 0,
           'client', '', 'lane', lane, 'done', of_old('done'), 'total', of_old('total'), 'steps', of_old('total'),
           'asked', of_old('asked') or 0, 'created_at', now, 'updated_at', now)
for old_name, name in pairs({answer = 'result', error = 'error'}) do
  local value = of_old(old_name)
  if value then redis.call('HSET', record, name, value) end
end
if of_old('question') then redis.call('SET', request, of_old('question')) end
local left = redis.call('PTTL', old_record)
if left > 0 then
  redis.call('PEXPIRE', record, left)
  redis.call('PEXPIRE', request, left)
end
local until_when = redis.call('ZSCORE', old_active, id)
if until_when then redis.call('ZADD', active, until_when, id) end
if tonumber(redis.call('GET', last_run) or 0) < tonumber(run) then redis.call('SET', last_run, run) end
redis.call('DEL', old_record)
return 1
