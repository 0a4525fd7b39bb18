using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>Timeouts of different sections nest: the verdict of the inner one comes before the outer one passes.</summary>
public sealed partial class TimeoutTests
{
    private readonly MandelboxOptions _mandelbox = new();
    private readonly UserConfigsOptions _configs = new();
    private readonly CloudStorageOptions _storage = new();
    private readonly QueueOptions _queue = new();

    [Fact]
    public void By_default_each_ends_before_the_one_around_it()
    {
        var shutdown = new ShutdownOptions();
        Assert.Empty(TimeoutNesting.Validate(_mandelbox, _configs, _storage, _queue));
        Assert.True(_configs.SaveTimeout < _mandelbox.CleanUpTimeout);
        Assert.True(_mandelbox.CleanUpTimeout < _mandelbox.StopTimeout);
        Assert.True(_mandelbox.StopTimeout < shutdown.MandelboxTimeout);
        var flush = _storage.FlushTimeout + CloudStorageOptions.AroundFlush;
        var save = _configs.SaveTimeout + UserConfigsOptions.AbortTimeout;
        Assert.True(_mandelbox.StopGrace + flush + save < shutdown.MandelboxTimeout);
    }

    [Fact]
    public void The_unit_gives_the_shutdown_all_the_time_that_it_may_take()
    {
        var unit = File.ReadAllText(Path.Combine(Root(), "deploy/systemd/host-service.service"));
        var minutes = int.Parse(StopTimeout().Match(unit).Groups["minutes"].Value, CultureInfo.InvariantCulture);
        var longest = HostLifecycle.LongestShutdown(new ShutdownOptions());
        Assert.Equal(new ShutdownOptions().UnitTimeout, TimeSpan.FromMinutes(minutes));
        Assert.Contains($"({longest.TotalSeconds:0} s)", unit, StringComparison.Ordinal);
    }

    [Fact]
    public void A_save_a_flush_or_a_fetch_that_may_outlast_its_step_is_a_fault_that_names_both()
    {
        _configs.SaveTimeout = _mandelbox.CleanUpTimeout;
        _configs.FetchTimeout = _mandelbox.StepTimeout;
        _storage.FlushTimeout = _mandelbox.CleanUpTimeout;
        var faults = TimeoutNesting.Validate(_mandelbox, _configs, _storage, _queue).ToList();
        Assert.Equal(3, faults.Count);
        Assert.All(faults, fault => Assert.Contains("must be shorter than Mandelbox:", fault, StringComparison.Ordinal));
    }

    [Fact]
    public void A_wait_in_the_queue_that_leaves_no_time_for_the_spin_up_is_a_fault()
    {
        _queue.Timeout = _mandelbox.SpinUpTimeout - _mandelbox.StepTimeout;
        Assert.Empty(TimeoutNesting.Validate(_mandelbox, _configs, _storage, _queue));

        _queue.Timeout += TimeSpan.FromSeconds(1);
        Assert.Contains("Queue:Timeout", Assert.Single(TimeoutNesting.Validate(_mandelbox, _configs, _storage, _queue)), StringComparison.Ordinal);
    }

    private static string Root([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../.."));

    [GeneratedRegex(
        "^TimeoutStopSec=(?<minutes>[0-9]+)min$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex StopTimeout();
}
