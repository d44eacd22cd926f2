-- Renews the lease of a run.
-- Returns 1 to go on; 0 to stop, because a client cancelled the run; -1 to stop and record nothing, because the run is
-- over, another worker has begun it since, or no client has submitted it lately.
local run = tonumber(ARGV[10])
local holder = ARGV[11]
local lease_milliseconds = tonumber(ARGV[12])

if not is_held_by(run, holder) or forget_unasked() then return -1 end
redis.call('SET', lease, holder, 'PX', lease_milliseconds)
if pending_seconds > 0 then prolong() end
return cancelling() and 0 or 1
