using System.Net;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>B23, B24 and B26 through the process and a real database.</summary>
[Collection(BackendCollection.Name)]
public sealed class RegistrationTests(EngineFixture engine, PostgresFixture database) : IAsyncLifetime
{
    private readonly ScratchDirectory _directory = new();
    private RowHistory _rows = null!;
    private ServiceSettings _settings = null!;

    public async Task InitializeAsync()
    {
        if (Backend.SkipReason([]) is null)
        {
            _rows = await RowHistory.StartAsync(database.Server);
            _settings = ServiceSettings.Local(engine.Endpoint, _directory).With(
                ("APP_ENV", "LOCALDEVWITHDB"), ("Database__ConnectionString", database.Server.ConnectionString));
        }
    }

    public async Task DisposeAsync()
    {
        _directory.Dispose();
        if (_rows is not null)
        {
            await _rows.DisposeAsync();
        }
    }

    [BackendFact]
    public async Task The_row_is_taken_over_beats_says_draining_and_is_gone_at_the_end()
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        var before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await using var service = await ServiceProcess.StartAsync(_settings);

        var name = _settings.InstanceName;
        Assert.Equal([$"ACTIVE|aws-{name}|127.0.0.1|54"], await ColumnsAsync(
            "status || '|' || cloud_provider_id || '|' || ip || '|' || mandelbox_capacity"));
        Assert.InRange(long.Parse(Assert.Single(await ColumnsAsync("last_updated_utc_unix_ms"))), before, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        var memory = Assert.Single(await ColumnsAsync("memory_remaining_kb"));
        Assert.True(long.Parse(memory) > 2000, memory);

        Assert.Equal(0, await service.EndAsync());
        Assert.Equal(["PRE_CONNECTION", "ACTIVE", "DRAINING", "gone"], await _rows.OfAsync(name));
    }

    [BackendTheory]
    [InlineData("aws_ami_id", "ami-other", "column aws_ami_id is \"ami-other\", expected \"local\"")]
    [InlineData("location", "eu-west-1", "column location is \"eu-west-1\", expected \"local\"")]
    [InlineData("aws_instance_type", "p4d.24xlarge", "column aws_instance_type is \"p4d.24xlarge\", expected \"local\"")]
    [InlineData("commit_hash", "0123456789", "column commit_hash is \"0123456789\", expected a beginning of")]
    [InlineData("commit_hash", "", "column commit_hash is empty")]
    [InlineData("status", "ACTIVE", "column status is \"ACTIVE\", expected \"PRE_CONNECTION\"")]
    public async Task A_row_that_does_not_match_is_refused_with_its_column_and_left_as_it_was(string column, string found, string why)
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        await database.Server.ExecuteAsync(
            $"UPDATE hardware.instance_info SET {column} = '{found}' WHERE instance_name = '{_settings.InstanceName}'");
        await using var service = await ServiceProcess.LaunchAsync(_settings);

        Assert.Equal(3, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains(why, service.Log.Text, StringComparison.Ordinal);
        Assert.Empty(service.Output.Text);
        Assert.Equal([found], await ColumnsAsync(column));
        Assert.False(Directory.Exists(_settings.Root), "what start-up had made is taken back");
    }

    [BackendFact]
    public async Task After_a_crash_a_row_that_may_not_be_taken_protects_what_is_left_and_one_that_may_clears_lost_rows()
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        await using var crashed = await RunningService.StartAsync(new ScratchDirectory(), engine.Endpoint, _settings);
        await _rows.AllocateAsync(crashed.Instance, crashed.LocalUser, ["lost"]);
        await crashed.UpAsync(RunningService.SpinUp("lost"));
        await crashed.Process.KillAsync();
        var reclaim = _settings.With(("Host__OnLeftovers", "reclaim"));

        await using (var refused = await ServiceProcess.LaunchAsync(reclaim))
        {
            Assert.Equal(3, await refused.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
            Assert.Contains("column status is \"ACTIVE\"", refused.Log.Text, StringComparison.Ordinal);
        }

        Assert.True((await crashed.ContainerAsync("lost")).Running);
        Assert.True(Directory.Exists(Path.Combine(_settings.Root, "lost")));
        Assert.Equal("RUNNING", (await _rows.OfAsync("lost"))[^1]);

        await database.Server.ExecuteAsync(
            $"UPDATE hardware.instance_info SET status = 'PRE_CONNECTION' WHERE instance_name = '{_settings.InstanceName}'");
        await using var next = await ServiceProcess.StartAsync(reclaim);
        Assert.Equal("gone", (await _rows.OfAsync("lost"))[^1]);
        Assert.Null(await crashed.Engine.InspectAsync("mandelboxes-demo-lost", default));
        Assert.Equal(0, await next.EndAsync());
    }

    [BackendFact]
    public async Task After_a_crash_the_row_of_a_mandelbox_stays_while_its_container_runs_and_no_longer()
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        await using var crashed = await RunningService.StartAsync(new ScratchDirectory(), engine.Endpoint, _settings);
        await _rows.AllocateAsync(crashed.Instance, crashed.LocalUser, ["ended", "running"]);
        await crashed.UpAsync(RunningService.SpinUp("ended"));
        await crashed.UpAsync(RunningService.SpinUp("running"));
        await crashed.Process.KillAsync();
        Directory.Delete(_settings.Root, recursive: true);
        var (ended, running) = (await crashed.ContainerAsync("ended"), await crashed.ContainerAsync("running"));
        await crashed.Engine.StopAsync(ended.Id, TimeSpan.Zero, default);
        await database.Server.ExecuteAsync(
            $"UPDATE hardware.instance_info SET status = 'PRE_CONNECTION' WHERE instance_name = '{_settings.InstanceName}'");

        await using var next = await ServiceProcess.StartAsync(_settings);
        Assert.Equal("gone", (await _rows.OfAsync("ended"))[^1]);
        Assert.Equal("RUNNING", (await _rows.OfAsync("running"))[^1]);

        await crashed.Engine.RemoveAsync(running.Id, default);
        await _rows.GoneAsync("running");
        await crashed.Engine.RemoveAsync(ended.Id, default);
        Assert.Equal(0, await next.EndAsync());
    }

    [BackendFact]
    public async Task A_host_that_the_webserver_does_not_know_is_refused()
    {
        await using var service = await ServiceProcess.LaunchAsync(_settings);
        Assert.Equal(3, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains($"no row with instance_name \"{_settings.InstanceName}\"", service.Log.Text, StringComparison.Ordinal);
    }

    [BackendTheory]
    [InlineData("DRAINING")]
    [InlineData("HOST_SERVICE_UNRESPONSIVE")]
    public async Task A_host_that_is_not_wanted_any_more_ends_cleanly_and_gives_its_row_back(string status)
    {
        await (await HostRow.ForAsync(_settings) with { Status = status }).AddAsync(database.Server);
        await using var service = await ServiceProcess.LaunchAsync(_settings);

        Assert.Equal(0, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("no longer wants instance", service.Log.Text, StringComparison.Ordinal);
        Assert.Empty(service.Output.Text);
        Assert.Equal("gone", (await _rows.OfAsync(_settings.InstanceName))[^1]);
        Assert.DoesNotContain("ACTIVE", await _rows.OfAsync(_settings.InstanceName));
        Assert.False(Directory.Exists(_settings.Root));
    }

    [BackendFact]
    public async Task A_host_that_the_webserver_gives_up_while_it_runs_ends_cleanly_within_seconds()
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        await using var service = await ServiceProcess.StartAsync(_settings);
        await database.Server.ExecuteAsync(
            $"UPDATE hardware.instance_info SET status = 'HOST_SERVICE_UNRESPONSIVE' WHERE instance_name = '{_settings.InstanceName}'");

        Assert.Equal(0, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("The service ends (NotWanted): The webserver no longer wants instance", service.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("fail:", service.Log.Text, StringComparison.Ordinal);
        Assert.Equal(
            ["PRE_CONNECTION", "ACTIVE", "HOST_SERVICE_UNRESPONSIVE", "DRAINING", "gone"], await _rows.OfAsync(_settings.InstanceName));
        Assert.False(Directory.Exists(_settings.Root));
    }

    [BackendFact]
    public async Task The_row_of_a_host_whose_drain_was_cancelled_is_active_again()
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        await using var service = await RunningService.StartAsync(new ScratchDirectory(), engine.Endpoint, _settings);
        await _rows.AllocateAsync(_settings.InstanceName, $"localdev_host_service_user_{_settings.InstanceName}", ["user"]);
        await service.UpAsync(RunningService.SpinUp("user"));
        await service.BackendAsync(HttpMethod.Post, "/drain_and_shutdown", []);
        await service.Process.Log.LineAsync("Draining: 1 mandelbox left: user since").WaitAsync(TimeSpan.FromSeconds(60));

        using var cancelled = await service.Process.Http.DeleteAsync("/v1/host/drain");

        Assert.Equal(HttpStatusCode.NoContent, cancelled.StatusCode);
        await service.Process.Log.LineAsync("Host: Draining -> Active").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0, await service.Process.EndAsync());
        Assert.Equal(["PRE_CONNECTION", "ACTIVE", "DRAINING", "ACTIVE", "DRAINING", "gone"], await _rows.OfAsync(_settings.InstanceName));
    }

    [BackendFact]
    public async Task A_run_that_takes_mandelboxes_over_goes_on_with_the_rows_of_the_one_that_was_killed()
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        await using var killed = await RunningService.StartAsync(new ScratchDirectory(), engine.Endpoint, _settings);
        await _rows.AllocateAsync(_settings.InstanceName, $"localdev_host_service_user_{_settings.InstanceName}", ["user"]);
        await killed.UpAsync(RunningService.SpinUp("user"));
        await killed.Process.KillAsync();

        await using (var refused = await ServiceProcess.LaunchAsync(_settings.With(("Host__OnLeftovers", "reclaim"))))
        {
            Assert.Equal(3, await refused.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
            Assert.True((await killed.ContainerAsync("user")).Running);
        }

        await using (var next = await ServiceProcess.StartAsync(_settings.With(("Host__OnLeftovers", "reattach"))))
        {
            Assert.Equal(["ACTIVE"], await ColumnsAsync("status"));
            Assert.Equal(["RUNNING"], await database.Server.QueryAsync("SELECT status FROM hardware.mandelbox_info WHERE mandelbox_id = 'user'"));
            Assert.Equal(0, await next.EndAsync());
        }

        Assert.Equal(["PRE_CONNECTION", "ACTIVE", "DRAINING", "gone"], await _rows.OfAsync(_settings.InstanceName));
        Assert.Empty(await database.Server.QueryAsync("SELECT status FROM hardware.mandelbox_info WHERE mandelbox_id = 'user'"));
    }

    [BackendFact]
    public async Task The_reclaim_command_works_although_the_row_says_active_and_removes_the_rows_of_what_it_ended()
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        await using var killed = await RunningService.StartAsync(new ScratchDirectory(), engine.Endpoint, _settings);
        await _rows.AllocateAsync(_settings.InstanceName, $"localdev_host_service_user_{_settings.InstanceName}", ["user"]);
        await killed.UpAsync(RunningService.SpinUp("user"));
        await killed.Process.KillAsync();

        var (code, _, errors) = await ServiceProcess.CommandAsync(_settings.Environment, "reclaim");

        Assert.True(code == 0, errors);
        Assert.False(Directory.Exists(_settings.Root));
        Assert.Empty(await database.Server.QueryAsync("SELECT status FROM hardware.mandelbox_info WHERE mandelbox_id = 'user'"));
        Assert.Equal(["ACTIVE"], await ColumnsAsync("status"));
    }

    [BackendFact]
    public async Task A_host_that_the_webserver_gives_up_keeps_its_user_until_he_leaves()
    {
        await (await HostRow.ForAsync(_settings)).AddAsync(database.Server);
        await using var service = await RunningService.StartAsync(new ScratchDirectory(), engine.Endpoint, _settings);
        await _rows.AllocateAsync(_settings.InstanceName, $"localdev_host_service_user_{_settings.InstanceName}", ["user"]);
        await service.UpAsync(RunningService.SpinUp("user"));
        await database.Server.ExecuteAsync(
            $"UPDATE hardware.instance_info SET status = 'DRAINING' WHERE instance_name = '{_settings.InstanceName}'");
        await service.Process.Log.LineAsync("Draining: 1 mandelbox left: user since").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True((await service.ContainerAsync("user")).Running);
        Assert.Equal(["DRAINING"], await ColumnsAsync("status"));

        await service.EndAsync("user");
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(["PRE_CONNECTION", "ACTIVE", "DRAINING", "gone"], await _rows.OfAsync(_settings.InstanceName));
    }

    [BackendFact]
    public async Task A_database_that_does_not_answer_keeps_the_service_from_starting()
    {
        var nowhere = _settings.With(
            ("Database__ConnectionString", $"Host={_directory.Path};Username=postgres"), ("Database__StartTimeout", "00:00:02"));
        await using var service = await ServiceProcess.LaunchAsync(nowhere);
        Assert.Equal(1, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("test the database", service.Log.Text, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_settings.Root));
    }

    private Task<IReadOnlyList<string>> ColumnsAsync(string columns) =>
        database.Server.QueryAsync($"SELECT {columns} FROM hardware.instance_info WHERE instance_name = '{_settings.InstanceName}'");
}
