using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Storage.CloudStorage;

namespace HostService.Tests.Unit.CloudStorage;

public sealed class RcloneCommandTests
{
    private static readonly CloudDrive Drive = new()
    {
        Provider = "google_drive",
        AccessToken = "access-secret",
        RefreshToken = "refresh-secret",
        Expiry = "2021-10-03T04:05:06Z",
        TokenType = "Bearer",
        ClientId = "client",
        ClientSecret = "client-secret",
    };

    [Fact]
    public void No_secret_is_on_the_command_line()
    {
        var start = Build(Drive);
        Assert.DoesNotContain(start.ArgumentList, argument => argument.Contains("secret", StringComparison.Ordinal));
        Assert.Equal("drive", start.Environment["RCLONE_CONFIG_FRACTAL_TYPE"]);
        Assert.Equal("client-secret", start.Environment["RCLONE_CONFIG_FRACTAL_CLIENT_SECRET"]);
        Assert.Equal("", start.ArgumentList[start.ArgumentList.IndexOf("--config") + 1]);
    }

    [Theory]
    [InlineData("2021-10-03T04:05:06Z", "2021-10-03T04:05:06Z")]
    [InlineData("2021-10-03T06:05:06.5+02:00", "2021-10-03T04:05:06.5Z")]
    public void The_token_is_what_oauth2_writes(string expiry, string written)
    {
        var token = JsonDocument.Parse(Build(Drive with { Expiry = expiry }).Environment["RCLONE_CONFIG_FRACTAL_TOKEN"]!).RootElement;
        Assert.Equal("access-secret", token.GetProperty("access_token").GetString());
        Assert.Equal("refresh-secret", token.GetProperty("refresh_token").GetString());
        Assert.Equal("Bearer", token.GetProperty("token_type").GetString());
        Assert.Equal(written, token.GetProperty("expiry").GetString());
    }

    [Fact]
    public void The_mount_is_as_the_contract_says()
    {
        var arguments = string.Join(' ', Build(Drive).ArgumentList);
        Assert.Contains(" mount fractal: /cloud/m/Google Drive ", arguments, StringComparison.Ordinal);
        Assert.Contains("--allow-other", arguments, StringComparison.Ordinal);
        Assert.Contains("--vfs-cache-mode writes", arguments, StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_is_recognised_by_the_command_line_that_started_it()
    {
        var line = Build(Drive).ArgumentList.SkipWhile(argument => argument != "rclone").ToArray();
        Assert.True(RcloneCommand.TryRead(line, out var mountPoint, out var cache));
        Assert.Equal(("/cloud/m/Google Drive", "/cache"), (mountPoint, cache));
        Assert.False(RcloneCommand.TryRead(["rclone", "mount", "other:", "/cloud/m/Google Drive", "--cache-dir", "/cache"], out _, out _));
        Assert.False(RcloneCommand.TryRead([.. line[..4]], out _, out _));
        Assert.False(RcloneCommand.TryRead([""], out _, out _));
    }

    [Fact]
    public void Nothing_of_the_services_own_environment_is_passed_on()
    {
        const string name = "RCLONE_VERBOSE";
        Environment.SetEnvironmentVariable(name, "2");
        try
        {
            var environment = Build(Drive).Environment;
            Assert.DoesNotContain(name, environment.Keys);
            Assert.Equal("/cache", environment["HOME"]);
        }
        finally
        {
            Environment.SetEnvironmentVariable(name, null);
        }
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("2021-10-03T04:05:06Z", true)]
    [InlineData("2021-10-03T04:05:06.789+02:00", true)]
    [InlineData("tomorrow", false)]
    public void An_expiry_is_a_time(string expiry, bool good) =>
        Assert.Equal(good, RcloneCommand.Fault(Drive with { Expiry = expiry }) is null);

    [Fact]
    public void Every_writing_of_a_secret_is_scrubbed()
    {
        var scrubber = new SecretScrubber(Drive with { AccessToken = "a+b/\"c", RefreshToken = "a+b/\"cd" });
        Assert.Equal("1 *** 2 *** 3 *** 4 ***", scrubber.Scrub("1 a+b/\"c 2 a%2Bb%2F%22c 3 a\\u002Bb/\\u0022c 4 a+b/\"cd"));
        Assert.Equal("cloud drive google_drive", Drive.ToString());
    }

    private static System.Diagnostics.ProcessStartInfo Build(CloudDrive drive) =>
        RcloneCommand.Build(
            "rclone", new CloudProvider { Type = "drive", Directory = "Google Drive" }, drive, "/cloud/m/Google Drive", "/cache", "@ready");
}
