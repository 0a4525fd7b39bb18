using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Bench;

/// <summary>
/// A host as its fleet sees it: the connection of a relay that reports and connects again as a real one does, and behind it a host that
/// does at once what it is asked for.
/// </summary>
internal sealed class SimulatedHost : IAsyncDisposable
{
    public const int Capacity = 54;

    /// <summary>Sessions that it has from the beginning.</summary>
    public const int Mandelboxes = 20;

    private static readonly TimeSpan ShortestReportInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    private readonly string _name;
    private readonly IReadOnlyList<Uri> _gateways;
    private readonly int _first;
    private readonly DateTimeOffset _startedAt = DateTimeOffset.UtcNow;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private readonly HashSet<string> _reserved = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ReportedMandelbox> _mandelboxes = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly Task _running;

    private SimulatedHost(string name, IReadOnlyList<Uri> gateways, int first)
    {
        (_name, _gateways, _first) = (name, gateways, first);
        for (var i = 0; i < Mandelboxes; i++)
        {
            Add($"{Guid.NewGuid()}");
        }

        _running = Task.Run(RunAsync);
    }

    /// <summary>How often a connection could not be made, or was lost.</summary>
    public int Faults { get; private set; }

    /// <summary>Begins to connect.</summary>
    /// <param name="first">The gateway that it tries first.</param>
    public static SimulatedHost Start(string name, IReadOnlyList<Uri> gateways, int first) => new(name, gateways, first);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
        _changed.Dispose();
    }

    private async Task RunAsync()
    {
        var pause = FirstPause;
        for (var turn = _first; !_stopping.IsCancellationRequested; turn++)
        {
            try
            {
                await using var connection = Connect(_gateways[turn % _gateways.Count]);
                using var lost = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
                connection.Closed += _ => lost.CancelAsync();
                using (var late = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token))
                {
                    late.CancelAfter(ConnectTimeout);
                    await connection.StartAsync(late.Token);
                }

                pause = FirstPause;
                await ReportAsync(connection, lost.Token);
            }
            catch (Exception) when (!_stopping.IsCancellationRequested)
            {
                Faults++;
            }
            catch (Exception)
            {
                return;
            }

            await Task.Delay(pause, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = Backoff.Next(pause, LongestPause);
        }
    }

    /// <summary>Every 2 s; a second after the last report where something has changed.</summary>
    private async Task ReportAsync(HubConnection connection, CancellationToken lost)
    {
        while (true)
        {
            await connection.InvokeAsync(RelayProtocol.Report, Report(), lost);
            await Task.Delay(ShortestReportInterval, lost);
            await _changed.WaitAsync(ShortestReportInterval, lost);
        }
    }

    private HostReport Report()
    {
        lock (_lock)
        {
            return new HostReport
            {
                Host = _name,
                Address = "203.0.113.7",
                Region = "us-east-1",
                InstanceType = "g4dn.xlarge",
                Version = "1.0.0",
                StartedAt = _startedAt,
                Status = HostStatus.Active,
                Capacity = Capacity,
                Free = Capacity - _mandelboxes.Count - _reserved.Count,
                GpuKinds = ["Tesla T4"],
                Mandelboxes = [.. _mandelboxes.Values],
            };
        }
    }

    private HubConnection Connect(Uri gateway)
    {
        var builder = new HubConnectionBuilder().WithUrl(
            new Uri(gateway, $"{RelayProtocol.Path}?{RelayProtocol.HostParameter}={_name}"),
            http =>
            {
                http.Transports = HttpTransportType.WebSockets;
                http.SkipNegotiation = true;
                http.WebSocketConfiguration = socket =>
                {
                    socket.Proxy = null;
#pragma warning disable CA5359 // As in ServiceUnderMeasure.
                    socket.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
                };
            });
        builder.AddJsonProtocol(json => RelayProtocol.Configure(json.PayloadSerializerOptions));
        var connection = builder.Build();
        connection.KeepAliveInterval = RelayProtocol.KeepAlive;
        connection.ServerTimeout = RelayProtocol.Silence;
        connection.On<string, string?>(nameof(IHostCalls.Reserve), Reserve);
        connection.On<string, bool>(nameof(IHostCalls.CancelReservation), CancelReservation);
        connection.On<string, SpinUpRequest, SpinUpAnswer>(nameof(IHostCalls.SpinUp), SpinUp);
        connection.On<string, string, bool>(nameof(IHostCalls.Stop), Stop);
        return connection;
    }

    private string? Reserve(string id)
    {
        lock (_lock)
        {
            if (_mandelboxes.Count + _reserved.Count >= Capacity)
            {
                return "nothing is free";
            }

            _reserved.Add(id);
            return null;
        }
    }

    private bool CancelReservation(string id)
    {
        lock (_lock)
        {
            return _reserved.Remove(id);
        }
    }

    private SpinUpAnswer SpinUp(string id, SpinUpRequest request)
    {
        lock (_lock)
        {
            _reserved.Remove(id);
            Add(id);
            Tell();
        }

        return SpinUpAnswer.Ready(new MandelboxAccess(32768, 32769, 32770, "0123456789abcdef0123456789abcdef"));
    }

    private bool Stop(string id, string reason)
    {
        lock (_lock)
        {
            Tell();
            return _mandelboxes.Remove(id);
        }
    }

    private void Add(string id) =>
        _mandelboxes[id] = new ReportedMandelbox(id, MandelboxState.Running, "mandelboxes/demo", DateTimeOffset.UtcNow);

    private void Tell()
    {
        if (_changed.CurrentCount == 0)
        {
            _changed.Release();
        }
    }
}
