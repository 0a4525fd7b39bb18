using System.Diagnostics;
using HostService.Infrastructure.Linux.AppArmor;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.AppArmor;

public sealed class ParserAppArmorTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("apparmor");
    private readonly ManualClock _clock = new();
    private readonly AppArmorOptions _options = new();

    public ParserAppArmorTests()
    {
        _options.EnabledFile = Path.Combine(_directory.FullName, "enabled");
        _options.Parser = Path.Combine(_directory.FullName, "parser");
        File.WriteAllText(_options.EnabledFile, "Y\n");
    }

    [Fact]
    public async Task The_profile_is_given_to_the_parser_to_replace_an_earlier_one_past_its_cache()
    {
        var arguments = Path.Combine(_directory.FullName, "arguments");
        var given = Path.Combine(_directory.FullName, "given");
        Parser($"echo \"$@\" > {arguments}; cat > {given}");

        await AppArmor().LoadAsync(default);

        Assert.Equal("-Kr\n", await File.ReadAllTextAsync(arguments));
        Assert.Equal(AppArmorProfile.Text, await File.ReadAllTextAsync(given));
    }

    [Fact]
    public async Task A_parser_that_refuses_is_quoted()
    {
        Parser("cat > /dev/null; echo 'syntax error at line 7' >&2; exit 3");

        var error = await Assert.ThrowsAsync<AppArmorException>(() => AppArmor().LoadAsync(default));

        Assert.Equal($"{AppArmorProfile.Name} cannot be loaded: {_options.Parser} -Kr ended with 3: syntax error at line 7", error.Message);
    }

    [Fact]
    public async Task A_parser_that_ends_without_reading_is_quoted_too()
    {
        Parser("exec <&-; echo 'not root' >&2; exit 1");

        var error = await Assert.ThrowsAsync<AppArmorException>(() => AppArmor().LoadAsync(default));

        Assert.EndsWith("with 1: not root", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_parser_that_hangs_is_killed_at_the_timeout()
    {
        // It says by a named pipe that it hangs, and would stay for ever.
        var pipe = Path.Combine(_directory.FullName, "pipe");
        using (var mkfifo = Process.Start("mkfifo", pipe))
        {
            await mkfifo.WaitForExitAsync();
        }

        Parser($"cat > /dev/null; echo $$ > {pipe}; exec tail -f /dev/null");
        var loading = AppArmor().LoadAsync(default);
        using var hanging = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(pipe)));
        _clock.Advance(_options.LoadTimeout);

        var error = await Assert.ThrowsAsync<AppArmorException>(() => loading);
        Assert.EndsWith("did not end within 30 s", error.Message, StringComparison.Ordinal);
        await hanging.WaitForExitAsync();
    }

    [Fact]
    public async Task A_missing_parser_is_named_with_the_package_that_has_it()
    {
        Assert.Equal($"{_options.Parser} is not installed (on Debian and Ubuntu: apt-get install apparmor)", AppArmor().Unavailable);
        await Assert.ThrowsAsync<AppArmorException>(() => AppArmor().LoadAsync(default));
    }

    [Fact]
    public async Task A_parser_that_cannot_be_run_is_an_error_of_ours()
    {
        File.WriteAllText(_options.Parser, "not a program");

        Assert.Contains("cannot be run", (await Assert.ThrowsAsync<AppArmorException>(() => AppArmor().LoadAsync(default))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("N\n")]
    [InlineData("")]
    [InlineData(null)]
    public void A_kernel_without_it_says_so(string? enabled)
    {
        Parser("exit 0");
        File.Delete(_options.EnabledFile);
        if (enabled is not null)
        {
            File.WriteAllText(_options.EnabledFile, enabled);
        }

        Assert.Contains("the kernel has no AppArmor", AppArmor().Unavailable, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("docker-default (enforce)\nmandelbox-apparmor-profile (enforce)\n", true)]
    [InlineData("docker-default (enforce)\nmandelbox-apparmor-profile-2 (enforce)\n", false)]
    [InlineData(null, null)]
    public void The_kernel_tells_whether_the_profile_is_loaded(string? profiles, bool? isLoaded)
    {
        _options.ProfilesFile = Path.Combine(_directory.FullName, "profiles");
        if (profiles is not null)
        {
            File.WriteAllText(_options.ProfilesFile, profiles);
        }

        Assert.Equal(isLoaded, AppArmor().IsLoaded);
    }

    [Fact]
    public void A_kernel_with_it_and_a_parser_can_confine()
    {
        Parser("exit 0");

        Assert.Null(AppArmor().Unavailable);
    }

    [NeedsFact("apparmor_parser")]
    public void A_parser_is_found_by_name()
    {
        _options.Parser = "apparmor_parser";

        Assert.Null(AppArmor().Unavailable);
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private ParserAppArmor AppArmor() => new(Options.Create(_options), _clock);

    private void Parser(string script) => ExecutableFile.WriteScript(_options.Parser, script);
}
