using System.Diagnostics;
using HostService.Infrastructure.Linux.AppArmor;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.AppArmor;

public sealed class AppArmorProfileTests
{
    private static readonly string[] Rules =
        [.. AppArmorProfile.Text.Split('\n').Select(l => l.Trim()).Where(
            l => l.Length > 0 && !l.StartsWith("# ", StringComparison.Ordinal))];

    [NeedsFact("apparmor_parser")]
    public void The_parser_understands_it_and_finds_one_profile_by_our_name()
    {
        // -N names without compiling, -Q compiles without loading; both leave the kernel alone.
        Assert.Equal((0, AppArmorProfile.Name + "\n"), Parse(AppArmorProfile.Text, "-N"));
        Assert.Equal(0, Parse(AppArmorProfile.Text, "-Q", "-K").ExitCode);
    }

    [NeedsFact("apparmor_parser")]
    public void The_parser_would_tell_if_it_were_wrong()
    {
        Assert.NotEqual(
            0, Parse(AppArmorProfile.Text.Replace("umount,", "umount nonsense nonsense,", StringComparison.Ordinal), "-Q", "-K").ExitCode);
    }

    [Fact]
    public void Only_fuse_may_be_mounted()
    {
        var mounts = Rules.Where(r => r.StartsWith("mount", StringComparison.Ordinal));

        Assert.NotEmpty(mounts);
        Assert.All(mounts, r => Assert.StartsWith("mount fstype=fuse", r, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("@{PROC}/sys/")]
    [InlineData("@{PROC}/{sysrq-trigger,mem,kmem,kcore}")]
    [InlineData("/sys/fs/")]
    [InlineData("/sys/firmware/**")]
    [InlineData("/sys/kernel/security/**")]
    public void The_kernels_settings_are_denied(string path)
    {
        Assert.Contains(
            Rules, r => r.StartsWith($"deny {path}", StringComparison.Ordinal) && r.Split(' ')[^1].Contains('w', StringComparison.Ordinal));
    }

    private static (int ExitCode, string Output) Parse(string text, params string[] arguments)
    {
        var start = new ProcessStartInfo(Needs.Program("apparmor_parser")!, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Write(text);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.NotNull(errors.Result);
        return (process.ExitCode, output);
    }
}
