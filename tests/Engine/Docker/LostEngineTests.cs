using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Engine.Docker;

/// <summary>What becomes of the event stream when the engine dies: on an engine that may be killed.</summary>
public sealed class LostEngineTests : IAsyncLifetime
{
    private readonly RecordingHandler _handler = new();
    private readonly CancellationTokenSource _end = new();
    private DockerDaemon _daemon = null!;
    private ServiceProvider _services = null!;
    private Task _running = Task.CompletedTask;

    private IContainerEngine Engine => _services.GetRequiredService<IContainerEngine>();

    private ContainerEventStream Stream => _services.GetRequiredService<ContainerEventStream>();

    public async Task InitializeAsync()
    {
        if (DockerDaemon.SkipReason is not null)
        {
            // Every test here is skipped, with this reason.
            return;
        }

        _daemon = await DockerDaemon.StartNewAsync();
        _services = EngineFixture.Connect(_daemon.Endpoint);
        try
        {
            await EngineFixture.BuildImagesAsync(_daemon.Endpoint);
        }
        catch
        {
            // Nobody disposes of a test that never came to be.
            await DisposeAsync();
            throw;
        }
    }

    public async Task DisposeAsync()
    {
        if (_daemon is null)
        {
            return;
        }

        await _end.CancelAsync();
        await _running.ContinueWith(_ => { }, TaskScheduler.Default);
        await _services.DisposeAsync();
        await _daemon.DisposeAsync();
        _end.Dispose();
    }

    [PrivateEngineFact]
    public async Task After_the_engine_was_killed_and_came_back_the_stream_goes_on_and_the_list_shows_who_died_meanwhile()
    {
        Watch(giveUpAfter: TimeSpan.FromMinutes(2));
        await _handler.Until(h => h.Connections == 1);
        var id = await Engine.CreateAsync(
            new ContainerSpec { Name = "before", Image = FakeContainerEngine.DemoImage, Tty = true }, default);
        await Engine.StartAsync(id, default);
        await _handler.Until(h => h.Told.Any(e => e.Action == "start"));

        await _daemon.KillAsync();
        var away = await Assert.ThrowsAsync<ContainerEngineException>(() => Engine.PingAsync(default));
        await _daemon.StartAsync();
        await _handler.Until(h => h.Connections == 2);

        Assert.Equal(EngineFailure.Unreachable, away.Failure);
        Assert.False((await Engine.InspectAsync(id, default))!.Running);
        await Engine.StartAsync(id, default);
        await Engine.StopAsync(id, TimeSpan.Zero, default);
        await _handler.Until(h => h.Told.Any(e => e.Action == "die" && e.ExitCode == 137));
        Assert.True(Stream.IsConnected);
    }

    [PrivateEngineFact]
    public async Task An_engine_that_stays_away_is_given_up()
    {
        Watch(giveUpAfter: TimeSpan.FromMilliseconds(500));
        await _handler.Until(h => h.Connections == 1);

        await _daemon.KillAsync();

        var lost = await Assert.ThrowsAsync<ContainerEngineLostException>(() => _running.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains(_daemon.Endpoint.ToString(), lost.Message, StringComparison.Ordinal);
    }

    private void Watch(TimeSpan giveUpAfter)
    {
        _services.Dispose();
        _services = EngineFixture.Connect(_daemon.Endpoint, o =>
        {
            o.ReconnectDelay = TimeSpan.FromMilliseconds(50);
            o.GiveUpAfter = giveUpAfter;
        });
        _running = Stream.RunAsync(_handler, _end.Token);
    }
}
