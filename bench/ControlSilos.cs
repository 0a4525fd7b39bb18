using System.Diagnostics;
using System.Globalization;
using HostService.Infrastructure.Fleet;
using HostService.Tests.EndToEnd.Fleet;
using HostService.Tests.Support;
using Npgsql;

namespace HostService.Bench;

/// <summary>Three control silos that know each other by their certificates, and their database, all on this machine.</summary>
internal sealed class ControlSilos : IAsyncDisposable
{
    private const int Count = 3;

    private readonly ScratchDirectory _directory = new();
    private readonly PostgresServer _database;
    private readonly List<ServiceUnderMeasure> _silos = [];
    private readonly List<int> _siloPorts = [];

    /// <summary>Of another database: what is asked here does not count there.</summary>
    private NpgsqlConnection? _statistics;

    private ControlSilos(PostgresServer database) => _database = database;

    public IReadOnlyList<ServiceUnderMeasure> All => _silos;

    public IReadOnlyList<Uri> Gateways => [.. _silos.Select(silo => silo.Address)];

    public double PrivateMb => _silos.Sum(silo => silo.PrivateKb()) / 1024;

    public static async Task<ControlSilos> StartAsync()
    {
        var silos = new ControlSilos(await PostgresServer.StartNewAsync());
        try
        {
            await silos.StartAllAsync();
            return silos;
        }
        catch
        {
            await silos.DisposeAsync();
            throw;
        }
    }

    /// <summary>Of each silo.</summary>
    public IReadOnlyList<TimeSpan> CpuTimes() => [.. _silos.Select(silo => silo.CpuTime())];

    /// <summary>
    /// Transactions of the silos so far; nearly each is one statement. A connection that does nothing has told its last ones after 10 s.
    /// </summary>
    public async Task<long> TransactionsAsync()
    {
        const string Sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'postgres'";
        await using var command = new NpgsqlCommand(Sql, _statistics);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Bytes so far in both directions, TLS included, on connections that are there now.</summary>
    public async Task<(double OfHosts, double BetweenSilos)> TrafficAsync() =>
        (await BytesAsync(_silos.Select(silo => silo.Address.Port)), await BytesAsync(_siloPorts));

    /// <summary>Kills one and forgets it.</summary>
    public async Task KillAsync(int index)
    {
        _silos[index].Kill();
        await _silos[index].DisposeAsync();
        _silos.RemoveAt(index);
        _siloPorts.RemoveAt(index);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var silo in _silos)
        {
            await silo.DisposeAsync();
        }

        if (_statistics is not null)
        {
            await _statistics.DisposeAsync();
        }

        await _database.DisposeAsync();
        _directory.Dispose();
    }

    private async Task StartAllAsync()
    {
        await FleetSchema.ApplyAsync(_database.ConnectionString, CancellationToken.None);
        _statistics = new NpgsqlConnection($"{_database.ConnectionString};Database=template1;Pooling=false");
        await _statistics.OpenAsync();
        var settings = new FleetAuthority(_directory).SiloSettings(_database);
        for (var i = 0; i < Count; i++)
        {
            var port = ServiceUnderMeasure.FreePort();
            _silos.Add(await ServiceUnderMeasure.StartAsync("fleet", isInMemory: true, [.. settings, ("Orleans__SiloPort", $"{port}")]));
            _siloPorts.Add(port);
        }
    }

    /// <summary>By the end that listens, so that each connection counts once.</summary>
    private static async Task<double> BytesAsync(IEnumerable<int> ports)
    {
        var filter = string.Join(" or ", ports.Select(port => $"sport = :{port}"));
        var start = new ProcessStartInfo("ss", ["-tinHO", "state", "established", $"( {filter} )"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using var ss = Process.Start(start)!;
        var output = await ss.StandardOutput.ReadToEndAsync();
        await ss.WaitForExitAsync();
        return output.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(word => word.Split(':'))
            .Where(field => field[0] is "bytes_sent" or "bytes_received")
            .Sum(field => double.Parse(field[1], CultureInfo.InvariantCulture));
    }
}
