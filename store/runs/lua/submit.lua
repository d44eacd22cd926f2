-- Records a request as queued, unless it is queued or running already. Returns the number of the run; 0 if the limit of
-- active records is reached; -1 if the record has succeeded and `again` is false.
local most_active = tonumber(ARGV[12])
local again = ARGV[13] == '1'
local client = ARGV[14]
local lane = ARGV[15]
local about = ARGV[16]
local canonical = ARGV[17]
local steps = tonumber(ARGV[18])

if state then redis.call('HSET', record, 'asked', seconds) end
-- A finished record that was not fetched yet is the answer.
if state and until_fetched then return tonumber(redis.call('HGET', record, 'run')) end
if state == 'succeeded' and not again then return -1 end
-- A cancelled run that has not stopped yet counts as over: a new submission begins the next run at once.
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
