-- Marks a run as running and takes its lease.
-- Returns the number of the attempt; 0 if the run is over or not the present one, or if another worker holds it.
local run = tonumber(ARGV[10])
local holder = ARGV[11]
local lease_milliseconds = tonumber(ARGV[12])

if not is_run(run) or not pending or forget_unasked() then return 0 end
local other = redis.call('GET', lease)
if other and other ~= holder then return 0 end
-- The run was cancelled, and its worker died before it could stop.
if cancelling() then
  finish('cancelled')
  return 0
end
withdraw()
redis.call('SET', lease, holder, 'PX', lease_milliseconds)
reset_progress()
local attempt = number_in('attempts') + 1
redis.call('HDEL', record, 'note', 'not_before')
redis.call('HSET', record, 'state', 'running', 'holder', holder, 'attempts', attempt, 'updated_at', now,
           'started_at', now)
-- Also where the set of active records was lost, and with it what workers queue again.
prolong()
publish()
return attempt
