using System.Collections.Concurrent;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend;
using HostService.Infrastructure.Backend.Connection;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>The rows of a full host, in a real PostgreSQL.</summary>
public sealed class BackendRowTests(PostgresFixture fixture) : IClassFixture<PostgresFixture>, IAsyncLifetime
{
    private const int Full = 54;
    private RowHistory _rows = null!;

    public async Task InitializeAsync()
    {
        if (PostgresServer.SkipReason is null)
        {
            _rows = await RowHistory.StartAsync(fixture.Server);
            await fixture.Server.ExecuteAsync("DELETE FROM hardware.instance_info");
            await fixture.Server.ExecuteAsync(
                $"""
                INSERT INTO hardware.instance_info
                    (instance_name, ip, location, aws_ami_id, aws_instance_type, cloud_provider_id, commit_hash,
                     creation_time_utc_unix_ms, status)
                VALUES ('{HostCluster.InstanceName}', '', '', '', '', '', '', 0, 'ACTIVE')
                """);
        }
    }

    public async Task DisposeAsync()
    {
        if (_rows is not null)
        {
            await _rows.DisposeAsync();
        }
    }

    [PostgresFact]
    public async Task Each_row_of_54_spin_ups_at_once_goes_through_its_statuses_in_order_and_away()
    {
        await using var cluster = await Cluster().StartAsync();
        var ids = Enumerable.Range(1, Full).Select(i => $"full-{i}").ToList();
        await _rows.AllocateAsync(HostCluster.InstanceName, "user", ids);

        var answers = await Task.WhenAll(ids.Select(id => cluster.Mandelbox(id).SpinUp(HostCluster.Request())));
        Assert.All(answers, a => Assert.Null(a.Failure));
        await Task.WhenAll(ids.Select(id => cluster.Mandelbox(id).Stop("test")));

        foreach (var id in ids)
        {
            await _rows.GoneAsync(id);
            Assert.Equal(["ALLOCATED", "CONNECTING", "RUNNING", "DYING", "gone"], await _rows.OfAsync(id));
        }

        await cluster.AssertNothingIsHeldAsync();
    }

    [PostgresFact]
    public async Task The_55th_is_refused_and_its_row_goes_while_the_54_stay()
    {
        await using var cluster = await Cluster().StartAsync();
        var ids = Enumerable.Range(1, Full + 1).Select(i => $"over-{i}").ToList();
        await _rows.AllocateAsync(HostCluster.InstanceName, "user", ids);

        var answers = new ConcurrentBag<(string Id, SpinUpAnswer Answer)>();
        await Task.WhenAll(ids.Select(async id => answers.Add((id, await cluster.Mandelbox(id).SpinUp(HostCluster.Request())))));

        var (refused, answer) = Assert.Single(answers, a => a.Answer.Failure is not null);
        Assert.Equal("lease", answer.Failure!.Phase);
        await _rows.GoneAsync(refused);
        Assert.Equal(["ALLOCATED", "CONNECTING", "DYING", "gone"], await _rows.OfAsync(refused));
        Assert.Equal(["54"], await fixture.Server.QueryAsync("SELECT count(*) FROM hardware.mandelbox_info WHERE status = 'RUNNING'"));
        await Task.WhenAll(ids.Select(id => cluster.Mandelbox(id).Stop("the test ends")));
    }

    [PostgresFact]
    public async Task Writes_delayed_by_an_outage_are_made_in_order_afterwards()
    {
        await using var cluster = await Cluster().StartAsync();
        await _rows.AllocateAsync(HostCluster.InstanceName, "user", ["before", "during"]);
        Assert.Null((await cluster.Mandelbox("before").SpinUp(HostCluster.Request())).Failure);

        await fixture.Server.StopAsync();
        var refusal = (await cluster.Mandelbox("during").SpinUp(HostCluster.Request())).Failure!;
        Assert.Equal("claim", refusal.Phase);
        Assert.Contains("cannot be reached", refusal.Reason, StringComparison.Ordinal);
        Assert.True(await cluster.Mandelbox("before").Stop("test"));
        await cluster.AssertNothingIsHeldAsync();

        await fixture.Server.StartAsync();
        await _rows.GoneAsync("before");

        // The latest status wins: DYING need not have been written.
        Assert.Equal(["ALLOCATED", "CONNECTING", "RUNNING", "gone"], (await _rows.OfAsync("before")).Where(s => s != "DYING"));
        Assert.Equal(["ALLOCATED"], await _rows.OfAsync("during"));
        Assert.Null((await cluster.Mandelbox("during").SpinUp(HostCluster.Request())).Failure);
    }

    private HostCluster Cluster() => new()
    {
        Replace = services => services.AddBackendDatabase(hasDatabase: true).Configure<DatabaseOptions>(o =>
        {
            o.ConnectionString = fixture.Server.ConnectionString;

            // A write that takes longer is kept for later, and the row's removal then replaces DYING: right, but not what is tested here.
            o.Timeout = TimeSpan.FromMinutes(1);
            o.RetryDelay = TimeSpan.FromMilliseconds(50);
            o.MaxRetryDelay = TimeSpan.FromMilliseconds(200);
        }),
    };
}
