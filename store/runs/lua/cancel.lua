-- Cancels a queued run at once; asks a running one to stop, which its worker then ends.
-- Returns 1; 0 if the run is not pending.

if state == 'queued' then
  finish('cancelled')
elseif state == 'running' then
  redis.call('HSET', record, 'cancel', 1, 'updated_at', now)
  publish()
else
  return 0
end
return 1
