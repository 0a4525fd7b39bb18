using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>
/// A fleet as one is set up for real, each part in a network of its own: three control silos, their database, four hosts on engines that
/// run nothing, and one with a real engine.
/// </summary>
internal sealed class FleetOnMachines : IAsyncDisposable
{
    /// <summary>Of a host on an engine that runs nothing.</summary>
    private const int Slots = 54;

    /// <summary>Few, because this machine would not keep up with more real containers.</summary>
    private const int RealSlots = 8;

    private const int SiloCount = 3;
    private const int InstantCount = 4;

    private readonly ScratchDirectory _siloFiles = new();
    private readonly ScratchDirectory _hostFiles = new();
    private readonly FleetAuthority _siloAuthority;
    private readonly FleetAuthority _hostAuthority;
    private readonly List<FleetUnderTest> _silos = [];
    private readonly List<FleetMember> _hosts = [];
    private MachineNetwork? _network;
    private PostgresServer? _database;

    private FleetOnMachines() => (_siloAuthority, _hostAuthority) = (new FleetAuthority(_siloFiles), new FleetAuthority(_hostFiles));

    public PostgresServer Database => _database!;

    public IReadOnlyList<FleetUnderTest> Silos => _silos;

    /// <summary>The hosts on engines that run nothing.</summary>
    public IReadOnlyList<FleetMember> Instant => [.. _hosts.Take(InstantCount)];

    /// <summary>The host with a real engine.</summary>
    public FleetMember Real => _hosts[InstantCount];

    public IReadOnlyList<FleetMember> Hosts => _hosts;

    public string SiloLogs => string.Join('\n', _silos.Select(silo => silo.Process.Log.Text));

    public static async Task<FleetOnMachines> StartAsync()
    {
        var fleet = new FleetOnMachines();
        try
        {
            await fleet.StartPartsAsync();
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    public Machine MachineOf(FleetMember host) => _network!.Machines[1 + SiloCount + _hosts.IndexOf(host)];

    public Machine MachineOf(FleetUnderTest silo) => _network!.Machines[1 + _silos.IndexOf(silo)];

    /// <summary>The relay of this host, which begins with another silo than its neighbours' do.</summary>
    public async Task StartRelayAsync(FleetMember host)
    {
        var first = _hosts.IndexOf(host) % SiloCount;
        await host.StartRelayAsync(
            string.Join(',', _silos.Skip(first).Concat(_silos.Take(first)).Select(silo => silo.Address)),
            ("Relay__CertificatePath", _hostAuthority.Sign(host.Name)),
            ("Relay__CaPath", _siloAuthority.Path));
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_hosts.Select(host => host.DisposeAsync().AsTask()));
        foreach (var silo in _silos)
        {
            await silo.DisposeAsync();
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        if (_network is not null)
        {
            await _network.DisposeAsync();
        }

        _siloFiles.Dispose();
        _hostFiles.Dispose();
    }

    private async Task StartPartsAsync()
    {
        _network = await MachineNetwork.CreateAsync(1 + SiloCount + InstantCount + 1);
        var hosts = Enumerable.Range(0, InstantCount + 1).Select(number => StartHostAsync(number, _network.Machines[1 + SiloCount + number])).ToList();
        try
        {
            _database = await PostgresServer.StartNewAsync(_network.Machines[0]);
            await FleetDatabaseTests.InitAsync(_database);
            foreach (var machine in _network.Machines.Skip(1).Take(SiloCount))
            {
                _silos.Add(await FleetUnderTest.StartAsync(machine, _siloAuthority.SiloSettings(_database, machine, _hostAuthority)));
            }
        }
        finally
        {
            await ((Task)Task.WhenAll(hosts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _hosts.AddRange(hosts.Where(host => host.IsCompletedSuccessfully).Select(host => host.Result));
        }

        await Task.WhenAll(hosts);
        await Task.WhenAll(_hosts.Select(StartRelayAsync));
        foreach (var host in _hosts)
        {
            await _silos[0].UntilHostAsync(host, "ready");
        }
    }

    private static Task<FleetMember> StartHostAsync(int number, Machine machine) =>
        number < InstantCount ? FleetMember.StartAsync(Slots, machine) : FleetMember.StartRealAsync(RealSlots, machine);
}
