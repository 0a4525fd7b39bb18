using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Linux.Network;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Infrastructure.Metrics;
using HostService.Silo.Lifecycle;
using HostService.Tests.Support;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster.Alerts;

/// <summary>The whole service in this process, its machine and its Prometheus, while an alert's fault is made.</summary>
internal sealed class AlertRun : IAsyncDisposable
{
    private readonly string _alert;
    private readonly AlertFault _fault;
    private readonly ScratchDirectory _directory = new();
    private readonly List<Scrape> _scrapes = [];
    private HttpClient? _http;

    public AlertRun(string alert, AlertFault fault)
    {
        (_alert, _fault) = (alert, fault);
        Figures = new FakeFigures(Clock);
        Host = new FaultyHost(
        [
            // What the service does every few seconds or minutes.
            ("Docker__ReconnectDelay", "00:00:00.01"),
            ("Gpu__ReadingInterval", "00:00:00.1"),
            ("Mandelbox__RetryAfter", "00:00:00.01"),
            ("Metrics__Interval", "00:00:00.1"),
            ("Metrics__Jitter", "00:00:00"),
            ("Systemd__ReloadCheckInterval", "00:00:00.05"),
            .. fault.Settings,
        ])
        {
            Replace = services =>
            {
                services.AddSingleton<TimeProvider>(Clock);
                services.AddSingleton<IMachineMetrics>(Figures);
                services.AddSingleton<IPortProbe>(Ports);
                services.AddSingleton<ISystemd>(Systemd);
                fault.Replace(this, services);
            },
        };
    }

    public FaultyHost Host { get; }

    public FakeContainerEngine Engine => Host.Engine;

    public MovableClock Clock { get; } = new();

    public FakeFigures Figures { get; }

    public FakeGpus Gpus { get; } = new();

    public HangingPortProbe Ports { get; } = new();

    /// <summary>The service that runs now.</summary>
    public HostContext Service { get; private set; } = null!;

    /// <summary>Its client.</summary>
    public HttpClient Http => _http!;

    /// <summary>Of the service that runs now, where the fault does not need a real one.</summary>
    public HostRun Webserver => (HostRun)Service.Get<IWebserver>();

    public FakeSystemd Systemd { get; } = new() { UnitsLoadedAt = () => 1 };

    /// <summary>Ends the fault, where the service could not end with it.</summary>
    public Action Mend { get; set; } = () => { };

    /// <summary>Runs the service, scrapes it, makes the fault, and scrapes it until the alert fires.</summary>
    public async Task RunAsync()
    {
        for (var i = 0; i < _fault.Crashes; i++)
        {
            await Host.RunAsync(whenReady: CrashAsync);
        }

        await Host.RunAsync(whenReady: MakeFaultAsync);
    }

    /// <summary>What Prometheus gets until the next scrape.</summary>
    public async Task ScrapeAsync() => _scrapes.Add(await ReadAsync());

    /// <summary>Scrapes once the sum of a counter's series is higher than at the last scrape.</summary>
    public async Task ScrapeMoreAsync(string counter)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var before = Sum(_scrapes[^1]);
        Scrape scrape;
        do
        {
            scrape = await ReadAsync();
        }
        while (Sum(scrape) <= before && !late.IsCancellationRequested);
        _scrapes.Add(scrape);

        double Sum(Scrape of) => of.Samples()
            .Where(sample => sample.Key.StartsWith($"{counter}{{", StringComparison.Ordinal))
            .Sum(sample => sample.Value);
    }

    public IMandelboxGrain Mandelbox(string id) => Service.Get<IGrainFactory>().GetGrain<IMandelboxGrain>(id);

    public Task<SpinUpAnswer> SpinUpAsync(string id) => Mandelbox(id).SpinUp(HostCluster.Request());

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        await Host.DisposeAsync();
        _directory.Dispose();
        Ports.Dispose();
    }

    private async Task CrashAsync(HostContext service)
    {
        await BeginAsync(service);
        Webserver.FailLoop();
        await service.Shutdown.Requested;
    }

    private async Task MakeFaultAsync(HostContext service)
    {
        await BeginAsync(service);
        try
        {
            await _fault.Make(this);
            await UntilFiringAsync();
        }
        finally
        {
            Mend();
        }
    }

    /// <summary>Scrapes the service once what it does at its start is done.</summary>
    private async Task BeginAsync(HostContext service)
    {
        Service = service;
        var address = service.Get<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        _http?.Dispose();
        _http = ServiceProcess.NewClient(new Uri($"https://127.0.0.1:{ReadyLine.PortOf(address)}"));
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (await service.Grain.Describe() is not { Metrics: not null, Sandboxes: null or { Used: 0 } })
        {
            await pace.WaitForNextTickAsync(late.Token);
        }

        await ScrapeAsync();
    }

    /// <summary>Some faults reach the metrics a moment later.</summary>
    private async Task UntilFiringAsync()
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        string? why;
        do
        {
            why = await AlertRules.WhyNotFiringAsync(_alert, [.. _scrapes, await ReadAsync()], _directory);
        }
        while (why is not null && !late.IsCancellationRequested);
        Assert.True(why is null, why);
    }

    private async Task<Scrape> ReadAsync()
    {
        try
        {
            return new Scrape(Clock.GetUtcNow(), await Http.GetStringAsync("/metrics"));
        }
        catch (HttpRequestException)
        {
            return new Scrape(Clock.GetUtcNow(), null);
        }
    }
}
