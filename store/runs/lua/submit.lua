-- Records a request as queued, unless it is queued or running already.
-- Returns the run; 0 if as many records are active as may be; -1 if it has succeeded and is not to run again.
local most_active = tonumber(ARGV[12])
local again = ARGV[13] == '1'
local client = ARGV[14]
local lane = ARGV[15]
local about = ARGV[16]
local canonical = ARGV[17]
local steps = tonumber(ARGV[18])

if state then redis.call('HSET', record, 'asked', seconds) end
-- What is finished and not fetched yet is the answer.
if state and until_fetched then return tonumber(redis.call('HGET', record, 'run')) end
if state == 'succeeded' and not again then return -1 end
-- A run that was asked to stop is as good as over: asking again begins the next one at once.
if pending and not cancelling() then return tonumber(redis.call('HGET', record, 'run')) end
redis.call('ZREMRANGEBYSCORE', active, '-inf', seconds)
if not pending and redis.call('ZCARD', active) >= most_active then return 0 end
local run = redis.call('INCR', last_run)
redis.call('HDEL', record, 'error', 'result', 'cancel')
redis.call('HSET', record, 'run', run, 'state', 'queued', 'attempts', 0, 'client', client, 'lane', lane,
           'about', about, 'steps', steps, 'asked', seconds, 'created_at', now, 'updated_at', now)
reset_progress()
redis.call('SET', request, canonical)
prolong()
publish()
return run
