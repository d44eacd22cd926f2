-- Marks a run as running and takes its lease.
-- Returns the number of the attempt; 0 if the run is over or not the present one, or if another worker holds it.
local run = tonumber(ARGV[12])
local holder = ARGV[13]
local lease_milliseconds = tonumber(ARGV[14])

if not is_run(run) or not pending or forget_unasked() then return 0 end
local other = redis.call('GET', lease)
if other and other ~= holder then return 0 end
-- The run was cancelled, and its worker died before it could stop.
if cancelling() then
  finish('cancelled')
  return 0
end
redis.call('SET', lease, holder, 'PX', lease_milliseconds)
reset_progress()
redis.call('HSET', record, 'state', 'running', 'updated_at', now, 'started_at', now)
local attempt = redis.call('HINCRBY', record, 'attempts', 1)
if pending_seconds > 0 then prolong() end
publish()
return attempt
