-- Records a request as queued, unless it is queued or running already. Returns the number of the run; 0 if the limit of
-- active records is reached; -1 if the record has succeeded and `again` is false. A trial records nothing: it returns 0
-- if the request would take a place among the active records.
local most_active = tonumber(ARGV[10])
local again = ARGV[11] == '1'
local client = ARGV[12]
local lane = ARGV[13]
local about = ARGV[14]
local canonical = ARGV[15]
local steps = tonumber(ARGV[16])
local most_of_client = tonumber(ARGV[17])
local trial = ARGV[18] == '1'

if state then redis.call('HSET', record, 'asked', seconds) end
local finished = present_run > 0 and (state == 'succeeded' or state == 'failed' or state == 'cancelled')
-- A finished record that was not fetched yet is the answer.
if until_fetched and (pending or finished) then return present_run end
if state == 'succeeded' and finished and not again then return -1 end
-- A cancelled run that has not stopped yet counts as over: a new submission begins the next run at once.
if pending and not cancelling() then return present_run end
redis.call('ZREMRANGEBYSCORE', active, '-inf', seconds)
if trial then return pending and present_run or 0 end
if not pending and redis.call('ZCARD', active) >= most_active then return 0 end
-- Higher than that of the last run, also if the counter was lost.
local run = math.max(tonumber(redis.call('GET', last_run) or 0) or 0, present_run) + 1
redis.call('SET', last_run, run)
withdraw()
deactivate()
redis.call('HDEL', record, 'error', 'result', 'cancel', 'holder', 'note')
redis.call('HSET', record, 'run', run, 'state', 'queued', 'attempts', 0, 'client', client, 'lane', lane,
           'about', about, 'steps', steps, 'asked', seconds, 'created_at', now, 'updated_at', now)
reset_progress()
redis.call('SET', request, canonical)
prolong()
offer()
publish()
return run
