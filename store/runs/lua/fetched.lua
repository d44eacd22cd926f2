-- Deletes a finished record once a client has its result. Returns 1; 0 if the run is pending or not the present one.
local run = tonumber(ARGV[10])

if not is_run(run) or pending then return 0 end
forget()
return 1
