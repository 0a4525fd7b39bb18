using System.Diagnostics;
using System.Net;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>A mandelbox's row from the webserver's assignment to its end: real process, engine and database.</summary>
[Collection(BackendCollection.Name)]
public sealed class MandelboxRowTests(EngineFixture engine, PostgresFixture database) : IAsyncLifetime
{
    private RowHistory _rows = null!;
    private RunningService _service = null!;

    public async Task InitializeAsync()
    {
        if (Backend.SkipReason([]) is not null)
        {
            return;
        }

        _rows = await RowHistory.StartAsync(database.Server);
        var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(engine.Endpoint, directory).With(
            ("APP_ENV", "LOCALDEVWITHDB"), ("Database__ConnectionString", database.Server.ConnectionString),
            ("Database__RetryDelay", "00:00:00.1"), ("Database__MaxRetryDelay", "00:00:00.5"), ("Database__FlushTimeout", "00:00:02"));
        await (await HostRow.ForAsync(settings)).AddAsync(database.Server);
        _service = await RunningService.StartAsync(directory, engine.Endpoint, settings);
    }

    public async Task DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.DisposeAsync();
            await _rows.DisposeAsync();
        }
    }

    [BackendFact]
    public async Task It_goes_through_its_statuses_in_order_and_away()
    {
        await AllocateAsync("one");
        await _service.UpAsync(RunningService.SpinUp("one"));
        Assert.Equal(["ALLOCATED", "CONNECTING", "RUNNING"], await _rows.OfAsync("one"));

        // The container's own end, as its app's.
        await _service.Engine.StopAsync((await _service.ContainerAsync("one")).Id, TimeSpan.FromSeconds(10), default);
        await _rows.GoneAsync("one");
        Assert.Equal(["ALLOCATED", "CONNECTING", "RUNNING", "DYING", "gone"], await _rows.OfAsync("one"));
    }

    [BackendFact]
    public async Task Ended_by_the_host_s_own_end_its_row_is_gone_before_the_host_s()
    {
        await AllocateAsync("last");
        await _service.UpAsync(RunningService.SpinUp("last"));
        Assert.Equal(0, await _service.Process.EndAsync());
        Assert.Equal(["ALLOCATED", "CONNECTING", "RUNNING", "DYING", "gone"], await _rows.OfAsync("last"));
        Assert.Equal(["last", _service.Instance], await database.Server.QueryAsync(
            "SELECT key FROM public.row_history WHERE status = 'gone' ORDER BY seq"));
    }

    [BackendFact]
    public async Task Two_spin_ups_of_one_id_at_once_get_one_mandelbox()
    {
        await AllocateAsync("twice");
        var same = await Task.WhenAll(_service.UpAsync(RunningService.SpinUp("twice")), _service.UpAsync(RunningService.SpinUp("twice")));
        Assert.Equal(same[0].ToJsonString(), same[1].ToJsonString());

        await AllocateAsync("rivals");
        var rivals = await Task.WhenAll(_service.SpinUpAsync(RunningService.SpinUp("rivals", session: 1)), _service.SpinUpAsync(
            RunningService.SpinUp("rivals", session: 2)));
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.NotAcceptable], rivals.Select(r => r.Status).Order());
        Assert.Contains("another user or session", (string)rivals.Single(r => r.Status != HttpStatusCode.OK).Answer["error"]!, StringComparison.Ordinal);
        Assert.Equal(["ALLOCATED", "CONNECTING", "RUNNING"], await _rows.OfAsync("rivals"));
    }

    [BackendFact]
    public async Task Another_user_s_row_another_host_s_and_one_that_is_not_there_are_refused_and_left_alone()
    {
        await _rows.AllocateAsync(_service.Instance, "somebody-else", ["theirs"]);
        Assert.Contains("theirs", await RefusalAsync("theirs"), StringComparison.Ordinal);
        Assert.Contains("nowhere", await RefusalAsync("nowhere"), StringComparison.Ordinal);

        await new HostRow("another-host") { Commit = "c" }.AddAsync(database.Server);
        await _rows.AllocateAsync("another-host", _service.LocalUser, ["elsewhere"]);
        await RefusalAsync("elsewhere");

        Assert.Equal(["ALLOCATED"], await _rows.OfAsync("theirs"));
        Assert.Equal(["ALLOCATED"], await _rows.OfAsync("elsewhere"));
        await _service.AssertNothingIsHeldAsync();
        await database.Server.ExecuteAsync("DELETE FROM hardware.instance_info WHERE instance_name = 'another-host'");
    }

    [BackendFact]
    public async Task An_outage_refuses_new_ones_in_time_and_loses_nothing_of_those_that_live()
    {
        await AllocateAsync("lives");
        await AllocateAsync("late");
        await _service.UpAsync(RunningService.SpinUp("lives"));

        await database.Server.StopAsync();
        var asked = Stopwatch.StartNew();
        Assert.Contains("cannot be reached right now", await RefusalAsync("late"), StringComparison.Ordinal);
        Assert.True(asked.Elapsed < TimeSpan.FromSeconds(10), $"refused only after {asked.Elapsed}");
        await _service.EndAsync("lives");
        await _service.AssertNothingIsHeldAsync();
        using (var alive = await _service.Process.Http.GetAsync("/healthz"))
        {
            Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        }

        await database.Server.StartAsync();
        await _rows.GoneAsync("lives");
        Assert.Equal(["ALLOCATED", "CONNECTING", "RUNNING", "gone"], (await _rows.OfAsync("lives")).Where(s => s != "DYING"));
        Assert.Equal("ALLOCATED", (await _rows.OfAsync("late"))[0]);
    }

    [BackendFact]
    public async Task A_database_that_stays_away_does_not_keep_the_service_from_ending_and_what_it_is_owed_is_named()
    {
        await AllocateAsync("owed");
        await _service.UpAsync(RunningService.SpinUp("owed"));
        await database.Server.StopAsync();
        try
        {
            Assert.Equal(0, await _service.Process.EndAsync());
            var log = _service.Process.Log.Text;
            Assert.Contains(log.Split('\n'), line => line.Contains("owed", StringComparison.Ordinal) && line.Contains(
                _service.Instance, StringComparison.Ordinal));
            Assert.False(Directory.Exists(_service.Root));
            Assert.Empty(await _service.Engine.ListAsync(
                new Dictionary<string, string> { [Grains.Mandelbox.ContainerLabels.Host] = _service.Instance }, default));
        }
        finally
        {
            await database.Server.StartAsync();
        }
    }

    private async Task<string> RefusalAsync(string id)
    {
        var (status, answer) = await _service.SpinUpAsync(RunningService.SpinUp(id));
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        return (string)answer["error"]!;
    }

    private Task AllocateAsync(string id) => _rows.AllocateAsync(_service.Instance, _service.LocalUser, [id]);
}
