-- Space of each disk that the store writes to.
SELECT name AS Disk, free_space AS FreeBytes, total_space AS TotalBytes
FROM system.disks
ORDER BY name
