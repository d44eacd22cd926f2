-- Forgets a finished run once a client has its result. Returns whether it did.
local run = tonumber(ARGV[12])

if not is_run(run) or pending then return 0 end
forget()
return 1
