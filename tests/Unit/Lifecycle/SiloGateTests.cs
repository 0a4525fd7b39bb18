using HostService.Silo.Lifecycle;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>The silo and the HTTPS server are started one after the other, although the application starts both.</summary>
public sealed class SiloGateTests : IDisposable
{
    private readonly SiloGate _gate = new();
    private readonly Hosted _silo = new();
    private readonly Hosted _server = new();

    [Fact]
    public async Task The_server_is_started_only_once_it_is_asked_for()
    {
        using var application = Build();
        await _gate.StartSiloAsync(application, CancellationToken.None);
        Assert.Equal((1, 0), (_silo.Started, _server.Started));

        await _gate.StartServerAsync(CancellationToken.None);
        Assert.Equal(1, _server.Started);

        await _gate.StopAsync(application, CancellationToken.None);
        Assert.Equal((1, 1), (_silo.Stopped, _server.Stopped));
    }

    [Fact]
    public async Task A_start_that_got_no_further_than_the_silo_is_stopped_without_the_server()
    {
        using var application = Build();
        await _gate.StartSiloAsync(application, CancellationToken.None);
        await _gate.StopAsync(application, CancellationToken.None);
        Assert.Equal((1, 0), (_silo.Stopped, _server.Started));
    }

    [Fact]
    public async Task A_failure_is_that_of_the_step_that_it_belongs_to()
    {
        _silo.Failure = new InvalidOperationException("silo");
        using (var application = Build())
        {
            var failure = await Assert.ThrowsAsync<InvalidOperationException>(
                () => _gate.StartSiloAsync(application, CancellationToken.None));
            Assert.Equal("silo", failure.Message);
            await _gate.StopAsync(application, CancellationToken.None);
            Assert.Equal(0, _silo.Stopped);
        }

        using var gate = new SiloGate();
        _silo.Failure = null;
        _server.Failure = new IOException("port in use");
        using (var application = Build(gate))
        {
            await gate.StartSiloAsync(application, CancellationToken.None);
            var failure = await Assert.ThrowsAsync<IOException>(() => gate.StartServerAsync(CancellationToken.None));
            Assert.Equal("port in use", failure.Message);
            await gate.StopAsync(application, CancellationToken.None);
        }
    }

    [Fact]
    public async Task A_silo_that_is_starting_when_the_start_is_cancelled_is_started_and_stopped()
    {
        _silo.Gate = new TaskCompletionSource();
        using var application = Build();
        using var cancel = new CancellationTokenSource();
        var start = _gate.StartSiloAsync(application, cancel.Token);
        await cancel.CancelAsync();
        _silo.Gate.SetResult();

        await start;
        await _gate.StopAsync(application, CancellationToken.None);
        Assert.Equal((1, 1, 0), (_silo.Started, _silo.Stopped, _server.Started));
    }

    [Fact]
    public async Task An_application_that_was_never_started_is_stopped_without_a_word()
    {
        using var application = Build();
        await _gate.StopAsync(application, CancellationToken.None);
        Assert.Equal((0, 0), (_silo.Started, _server.Started));
    }

    public void Dispose() => _gate.Dispose();

    private IHost Build(SiloGate? gate = null)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        foreach (var hosted in new IHostedService[] { _silo, gate ?? _gate, _server })
        {
            builder.Services.AddSingleton(hosted);
        }

        return builder.Build();
    }

    private sealed class Hosted : IHostedService
    {
        public Exception? Failure { get; set; }

        /// <summary>Holds the start until it is completed.</summary>
        public TaskCompletionSource? Gate { get; set; }

        public int Started { get; private set; }

        public int Stopped { get; private set; }

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            if (Gate is { } gate)
            {
                await gate.Task.WaitAsync(cancellationToken);
            }

            Started++;
            if (Failure is { } failure)
            {
                throw failure;
            }
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            Stopped++;
            return Task.CompletedTask;
        }
    }
}
