namespace HostService.Infrastructure.Aws;

/// <summary>Whether this machine is an EC2 instance, without asking its metadata service, which may be what fails.</summary>
public static class Ec2Firmware
{
    /// <param name="directory">Where the kernel shows what the firmware says of the machine.</param>
    public static bool IsPresent(string directory = "/sys/devices/virtual/dmi/id") =>
        Read(Path.Combine(directory, "sys_vendor")) == "Amazon EC2"
        || Read(Path.Combine(directory, "product_uuid")).StartsWith("ec2", StringComparison.OrdinalIgnoreCase);

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
