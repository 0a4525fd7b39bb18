using System.Diagnostics;
using System.Net;
using HostService.Gateway.Tls;
using HostService.Infrastructure.Linux.Processes;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Cli;
using HostService.Silo.Hosting;
using HostService.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Unit.Startup;

/// <summary>
/// An upgrade that somebody interrupts, or whose binary a package has put in place. The service and systemd are fake, the files are real.
/// </summary>
public sealed class UpgradeTests : IAsyncLifetime
{
    private readonly ScratchDirectory _directory = new();
    private readonly CancellationTokenSource _interrupt = new();
    private Process _running = null!;
    private WebApplication _service = null!;

    /// <summary>What happens when the service is asked to restart.</summary>
    private Func<Task> _restart = () => Task.CompletedTask;
    private HttpStatusCode _answer = HttpStatusCode.Accepted;
    private string _startedAt = "2026-11-29T12:00:00Z";
    private int _looks;

    private string Installed => _directory["host-service"];

    private string Running => _directory["running"];

    public async Task InitializeAsync()
    {
        // As the unit does: it runs from a second name of the installed file.
        ExecutableFile.Copy("/bin/sleep", Installed);
        await ProgramRunner.RunAsync("ln", [Installed, Running], "", TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None);
        _running = Process.Start(Running, "1000");
        ExecutableFile.WriteScript(_directory["new"], "echo host-service 2.0");
        ExecutableFile.WriteScript(_directory["systemctl"], $"case $2 in *MainPID) echo {_running.Id};; *Environment) echo A=b HOST_SERVICE_BINARY={Installed} C=d;; esac");

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, 0, listen => listen.UseHttps(SelfSignedCertificate.Create(DateTimeOffset.UtcNow, []))));
        _service = builder.Build();
        _service.Run(async context =>
        {
            if (context.Request.Path == "/v1/host/restart")
            {
                await _restart();
                context.Response.StatusCode = (int)_answer;
            }
            else if (context.Request.Path == "/v1/host")
            {
                // The first look is before the restart.
                await (++_looks == 3 ? _interrupt.CancelAsync() : Task.CompletedTask);
                await context.Response.WriteAsync($$"""{"startedAt":"{{_startedAt}}"}""");
            }
        });
        await _service.StartAsync();
    }

    public async Task DisposeAsync()
    {
        _running.Kill();
        await _running.WaitForExitAsync();
        _running.Dispose();
        await _service.DisposeAsync();
        _interrupt.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Interrupted_while_it_asks_for_the_restart_it_puts_the_old_binary_back_and_says_so()
    {
        _restart = async () =>
        {
            Assert.Equal(await File.ReadAllTextAsync(_directory["new"]), await File.ReadAllTextAsync(Installed));
            await _interrupt.CancelAsync();
        };

        Assert.Equal("Interrupted: the old version is installed; it may restart.", await InterruptedAsync());
        Assert.Equal(await File.ReadAllBytesAsync("/bin/sleep"), await File.ReadAllBytesAsync(Installed));
    }

    [Fact]
    public async Task Interrupted_while_the_new_one_starts_it_says_what_is_there()
    {
        var said = await InterruptedAsync();

        Assert.StartsWith("Interrupted: host-service.service restarts with the new version;", said, StringComparison.Ordinal);
        Assert.EndsWith($"The old one is {Installed}.old.", said, StringComparison.Ordinal);
        Assert.Equal(await File.ReadAllTextAsync(_directory["new"]), await File.ReadAllTextAsync(Installed));
    }

    [Fact]
    public async Task Interrupted_before_it_began_it_has_changed_nothing()
    {
        await _interrupt.CancelAsync();
        Assert.Equal("Interrupted: nothing has changed.", await InterruptedAsync());
        Assert.Equal(await File.ReadAllBytesAsync("/bin/sleep"), await File.ReadAllBytesAsync(Installed));
    }

    [Fact]
    public async Task Another_version_than_the_expected_one_changes_nothing()
    {
        using var client = Client();

        var refusal = await Assert.ThrowsAsync<IOException>(
            () => NewUpgrade(client, TimeSpan.FromMinutes(2)).RunAsync(_directory["new"], expected: "2.1", CancellationToken.None));

        Assert.Equal($"{_directory["new"]} is not 2.1: 'version' says 'host-service 2.0'.", refusal.Message);
        Assert.Equal(await File.ReadAllBytesAsync("/bin/sleep"), await File.ReadAllBytesAsync(Installed));
    }

    [Fact]
    public async Task The_one_that_the_last_upgrade_kept_is_the_way_back()
    {
        File.Move(_directory["new"], $"{Installed}.old");
        _restart = () =>
        {
            _startedAt = "2026-11-29T13:00:00Z";
            return Task.CompletedTask;
        };

        Assert.Equal((ExitCodes.Ended, true), await UpgradeAsync($"{Installed}.old"));

        Assert.Equal("#!/bin/sh\necho host-service 2.0\n", await File.ReadAllTextAsync(Installed));
        Assert.Equal(await File.ReadAllBytesAsync("/bin/sleep"), await File.ReadAllBytesAsync($"{Installed}.old"));
    }

    [Fact]
    public async Task One_that_does_not_get_ready_gives_way_and_leaves_nothing()
    {
        var before = Files();

        // The restart never begins.
        Assert.Equal((ExitCodes.Failed, true), await UpgradeAsync(_directory["new"], TimeSpan.FromMilliseconds(1)));

        Assert.Equal(await File.ReadAllBytesAsync("/bin/sleep"), await File.ReadAllBytesAsync(Installed));
        Assert.Equal(before, Files());
    }

    [Fact]
    public async Task Where_the_service_refuses_to_restart_every_file_is_as_before()
    {
        File.Move(_directory["new"], $"{Installed}.old");
        _answer = HttpStatusCode.Conflict;
        var before = Files();

        Assert.Equal((ExitCodes.Refused, false), await UpgradeAsync($"{Installed}.old"));

        Assert.Equal(await File.ReadAllBytesAsync("/bin/sleep"), await File.ReadAllBytesAsync(Installed));
        Assert.Equal("#!/bin/sh\necho host-service 2.0\n", await File.ReadAllTextAsync($"{Installed}.old"));
        Assert.Equal(before, Files());
    }

    [Fact]
    public async Task Without_a_file_the_installed_one_is_taken_for_the_new_one_and_the_one_that_runs_stays_as_the_old_one()
    {
        File.Move(_directory["new"], Installed, overwrite: true);
        _restart = () =>
        {
            _startedAt = "2026-11-29T13:00:00Z";
            return Task.CompletedTask;
        };

        var (code, hasChangedAnything) = await UpgradeAsync();

        Assert.Equal((ExitCodes.Ended, true), (code, hasChangedAnything));
        Assert.Equal("#!/bin/sh\necho host-service 2.0\n", await File.ReadAllTextAsync(Installed));
        Assert.Equal(await File.ReadAllBytesAsync("/bin/sleep"), await File.ReadAllBytesAsync($"{Installed}.old"));
    }

    [Fact]
    public async Task Where_the_service_refuses_to_restart_the_file_of_the_package_stays_for_the_next_start()
    {
        File.Move(_directory["new"], Installed, overwrite: true);
        _answer = HttpStatusCode.Conflict;

        var (code, hasChangedAnything) = await UpgradeAsync();

        Assert.Equal((ExitCodes.Refused, false), (code, hasChangedAnything));
        Assert.Equal("#!/bin/sh\necho host-service 2.0\n", await File.ReadAllTextAsync(Installed));
    }

    [Fact]
    public async Task A_file_of_a_package_that_does_not_get_ready_gives_way_to_the_one_that_ran()
    {
        File.Move(_directory["new"], Installed, overwrite: true);

        // The restart never begins.
        var (code, hasChangedAnything) = await UpgradeAsync(timeout: TimeSpan.FromMilliseconds(1));

        Assert.Equal((ExitCodes.Failed, true), (code, hasChangedAnything));
        Assert.Equal(await File.ReadAllBytesAsync("/bin/sleep"), await File.ReadAllBytesAsync(Installed));
    }

    private string[] Files() => [.. Directory.GetFiles(_directory.Path).Order(StringComparer.Ordinal)];

    private async Task<string> InterruptedAsync()
    {
        using var client = Client();
        var upgrade = NewUpgrade(client, TimeSpan.FromMinutes(2));
        var interrupted = await Assert.ThrowsAsync<OperationCanceledException>(() => upgrade.RunAsync(_directory["new"], expected: null, _interrupt.Token));
        return interrupted.Message;
    }

    private async Task<(int Code, bool HasChangedAnything)> UpgradeAsync(string? file = null, TimeSpan? timeout = null)
    {
        using var client = Client();
        var upgrade = NewUpgrade(client, timeout ?? TimeSpan.FromMinutes(2));
        return (await upgrade.RunAsync(file, expected: null, CancellationToken.None), upgrade.HasChangedAnything);
    }

    private ServiceClient Client() => new(new Uri(_service.Urls.First()), token: null, caCert: null, acceptAnyCertificate: true);

    private Upgrade NewUpgrade(ServiceClient client, TimeSpan timeout)
    {
        var systemctl = new Systemctl(new SystemdOptions { Systemctl = _directory["systemctl"] }, TimeProvider.System);
        return new Upgrade(client, systemctl, "host-service.service", timeout, TimeProvider.System);
    }
}
