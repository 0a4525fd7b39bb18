using HostService.Infrastructure.Input;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Input;

public sealed class UinputInputDevicesTests : IDisposable
{
    private readonly FakeUinputKernel _kernel = new();
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mandelbox");
    private readonly WatchedClock _clock = new();
    private readonly FakeDescriptorStore _store = new();

    private string SocketPath => Path.Combine(_directory.FullName, "sockets", "uinput.sock");

    [Fact]
    public async Task Three_devices_are_made_absolute_relative_keyboard_and_their_nodes_found()
    {
        await using var set = await Devices().CreateAsync("m1", SocketPath, default);

        Assert.Equal(["event20", "event21", "event22"], set.DeviceNodes.Select(n => Path.GetFileName(n)));
        Assert.All(set.DeviceNodes, n => Assert.True(File.Exists(n)));
        Assert.Equal(
            ["bus 3 f4c1:1124 v1 'Fractal Virtual Absolute Input'", "bus 3 f4c1:1123 v1 'Fractal Virtual Relative Input'", "bus 3 f4c1:1122 v1 'Fractal Virtual Keyboard'"],
            _kernel.Calls.Where(c => c.Contains("UI_DEV_SETUP", StringComparison.Ordinal)).Select(
                c => c[(c.IndexOf("bus", StringComparison.Ordinal))..]));
        Assert.Equal(3, _kernel.Devices);
    }

    [Fact]
    public async Task The_kernel_is_told_what_each_pointer_is_in_the_order_that_it_wants()
    {
        await using var set = await Devices().CreateAsync("m1", SocketPath, default);

        Assert.Equal(
        [
            "0 open",
            "0 UI_SET_EVBIT 1", "0 UI_SET_KEYBIT 330", "0 UI_SET_KEYBIT 320", "0 UI_SET_KEYBIT 331",
            "0 UI_SET_EVBIT 3", "0 UI_SET_ABSBIT 0", "0 UI_SET_ABSBIT 1",
            "0 UI_SET_PROPBIT 0",
            "0 UI_DEV_SETUP bus 3 f4c1:1124 v1 'Fractal Virtual Absolute Input'",
            "0 UI_ABS_SETUP 0 0..4095", "0 UI_ABS_SETUP 1 0..4095",
            "0 UI_DEV_CREATE", "0 UI_GET_SYSNAME",
        ], _kernel.Calls.Where(c => c.StartsWith('0')));
        Assert.Equal(
        [
            "1 open",
            "1 UI_SET_EVBIT 1",
            .. Enumerable.Range(272, 5).Select(b => $"1 UI_SET_KEYBIT {b}"),
            "1 UI_SET_EVBIT 2", "1 UI_SET_RELBIT 0", "1 UI_SET_RELBIT 1", "1 UI_SET_RELBIT 8", "1 UI_SET_RELBIT 6",
            "1 UI_SET_RELBIT 11", "1 UI_SET_RELBIT 12",
            "1 UI_DEV_SETUP bus 3 f4c1:1123 v1 'Fractal Virtual Relative Input'",
            "1 UI_DEV_CREATE", "1 UI_GET_SYSNAME",
        ], _kernel.Calls.Where(c => c.StartsWith('1')));
    }

    [Fact]
    public async Task The_keyboard_has_every_key_and_no_axes()
    {
        await using var set = await Devices().CreateAsync("m1", SocketPath, default);

        Assert.Equal(
        [
            "2 open", "2 UI_SET_EVBIT 1", .. Enumerable.Range(0, 0x2ff).Select(k => $"2 UI_SET_KEYBIT {k}"),
            "2 UI_DEV_SETUP bus 3 f4c1:1122 v1 'Fractal Virtual Keyboard'", "2 UI_DEV_CREATE", "2 UI_GET_SYSNAME",
        ], _kernel.Calls.Where(c => c.StartsWith('2')));
    }

    [Fact]
    public async Task A_client_is_given_the_three_open_devices_in_their_order()
    {
        await using var set = await Devices().CreateAsync("m1", SocketPath, default);

        using var client = new DescriptorClient(SocketPath);
        var (bytes, files) = client.Receive();

        Assert.Equal(1, bytes);
        Assert.Equal(["device 0", "device 1", "device 2"], files.Select(DescriptorClient.ContentOf));
    }

    [Fact]
    public async Task Disposing_removes_the_devices_last_one_first_closes_all_and_may_be_repeated()
    {
        var set = await Devices().CreateAsync("m1", SocketPath, default);

        await Task.WhenAll(set.DisposeAsync().AsTask(), set.DisposeAsync().AsTask());
        await set.DisposeAsync();

        Assert.Equal(["2 UI_DEV_DESTROY", "1 UI_DEV_DESTROY", "0 UI_DEV_DESTROY"], _kernel.Calls.TakeLast(3));
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_refusal_at_any_step_leaves_nothing_behind()
    {
        await using (await Devices().CreateAsync("m1", SocketPath, default))
        {
        }

        var steps = _kernel.Calls.Count - 3;
        for (var step = 1; step <= steps; step++)
        {
            using var kernel = new FakeUinputKernel { RefusedCall = step };

            var error = await Assert.ThrowsAsync<InputDeviceException>(() => Devices(kernel).CreateAsync("m1", SocketPath, default));

            var refused = kernel.Calls[step - 1];
            Assert.Contains("Operation not permitted", error.Message, StringComparison.Ordinal);
            Assert.Contains(VirtualDevice.All[refused[0] - '0'].Name, error.Message, StringComparison.Ordinal);
            AssertNothingLeft(kernel);

            // Only what had come about is undone, in reverse.
            var created = kernel.Calls.Take(step - 1).Where(c => c.EndsWith("UI_DEV_CREATE", StringComparison.Ordinal)).Select(c => c[0])
                .Reverse();
            Assert.Equal(created.Select(c => $"{c} UI_DEV_DESTROY"), kernel.Calls.Skip(step));
        }
    }

    [Fact]
    public async Task A_socket_that_cannot_be_made_undoes_the_devices()
    {
        File.WriteAllText(Path.Combine(_directory.FullName, "sockets"), "a file where a directory should be");

        var error = await Assert.ThrowsAsync<InputDeviceException>(() => Devices().CreateAsync("m1", SocketPath, default));

        Assert.Contains(SocketPath, error.Message, StringComparison.Ordinal);
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_kernel_without_evdev_is_named_and_nothing_stays()
    {
        _kernel.MakesEventDevices = false;
        var creation = Devices().CreateAsync("m1", SocketPath, default);
        await _clock.TimerStarted;
        _clock.Advance(_kernel.Options.NodeTimeout);

        var error = await Assert.ThrowsAsync<InputDeviceException>(() => creation);

        Assert.Contains("evdev loaded?) after 2 s", error.Message, StringComparison.Ordinal);
        AssertNothingLeft();
    }

    [Fact]
    public async Task An_event_device_that_comes_late_because_evdev_had_to_be_loaded_is_waited_for()
    {
        _kernel.MakesEventDevices = false;
        _kernel.MakesNodes = false;
        Directory.CreateDirectory(Path.Combine(_kernel.Options.SysRoot, "input1", "event21"));
        Directory.CreateDirectory(Path.Combine(_kernel.Options.SysRoot, "input2", "event22"));
        _kernel.MakeNode(1);
        _kernel.MakeNode(2);
        var creation = Devices().CreateAsync("m1", SocketPath, default);
        await _clock.TimerStarted;
        Directory.CreateDirectory(Path.Combine(_kernel.Options.SysRoot, "input0", "event20"));
        _kernel.MakeNode(0);

        await using var set = await creation;
        Assert.Equal("event20", Path.GetFileName(set.DeviceNodes[0]));
    }

    [Fact]
    public async Task A_node_that_comes_late_is_waited_for()
    {
        _kernel.MakesNodes = false;
        _kernel.MakeNode(0);
        _kernel.MakeNode(2);
        var creation = Devices().CreateAsync("m1", SocketPath, default);
        await _clock.TimerStarted;
        _kernel.MakeNode(1);

        await using var set = await creation;
        Assert.Equal("event21", Path.GetFileName(set.DeviceNodes[1]));
    }

    [Fact]
    public async Task A_node_that_never_comes_fails_at_the_deadline_and_nothing_stays()
    {
        _kernel.MakesNodes = false;
        var creation = Devices().CreateAsync("m1", SocketPath, default);
        await _clock.TimerStarted;
        _clock.Advance(_kernel.Options.NodeTimeout);

        var error = await Assert.ThrowsAsync<InputDeviceException>(() => creation);
        Assert.Contains("event20 does not exist", error.Message, StringComparison.Ordinal);
        AssertNothingLeft();
    }

    [Fact]
    public async Task Cancelling_leaves_nothing_behind()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Devices().CreateAsync("m1", SocketPath, cancelled.Token));
        AssertNothingLeft();
    }

    [Fact]
    public async Task What_cannot_be_removed_is_told_after_all_was_tried()
    {
        var set = await Devices().CreateAsync("m1", SocketPath, default);
        _kernel.RefusedName = "UI_DEV_DESTROY";

        var error = await Assert.ThrowsAsync<InputDeviceException>(() => set.DisposeAsync().AsTask());

        Assert.All(VirtualDevice.All, d => Assert.Contains(d.Name, error.Message, StringComparison.Ordinal));
        Assert.Equal(0, _kernel.OpenFiles);
        Assert.False(Path.Exists(SocketPath));
    }

    [Fact]
    public async Task A_removal_that_failed_is_tried_again_and_does_not_fail_for_ever()
    {
        var set = await Devices().CreateAsync("m1", SocketPath, default);
        _kernel.RefusedName = "UI_DEV_DESTROY";
        await Assert.ThrowsAsync<InputDeviceException>(() => set.DisposeAsync().AsTask());

        await set.DisposeAsync();

        Assert.Equal(0, _kernel.OpenFiles);
    }

    [Fact]
    public async Task Those_that_store_has_kept_are_the_same_devices_are_offered_again_and_go_with_the_mandelbox()
    {
        // The run that made them dies: nothing is disposed of.
        var made = await Devices().CreateAsync("m1", SocketPath, default);

        var taken = await Devices().TakeOverAsync("m1", SocketPath, default);

        Assert.Equal(made.DeviceNodes, taken!.DeviceNodes);
        using var client = new DescriptorClient(SocketPath);
        Assert.Equal(["device 0", "device 1", "device 2"], client.Receive().Files.Select(DescriptorClient.ContentOf));
        await taken.DisposeAsync();
        AssertNothingLeft();
        Assert.Empty(_store.Names);
    }

    [Theory]
    [InlineData("m1.0")]
    [InlineData("m1.2")]
    public async Task Where_store_has_lost_one_none_is_taken_over_and_nothing_stays_open(string lost)
    {
        _ = await Devices().CreateAsync("m1", SocketPath, default);
        _store.Remove(lost);

        Assert.Null(await Devices().TakeOverAsync("m1", SocketPath, default));

        // The kernel removes a device with the last file that has it open.
        Assert.Equal(1, _kernel.OpenFiles);
        Assert.Empty(_store.Names);
    }

    [Fact]
    public async Task Files_that_are_no_devices_are_closed_and_are_an_error()
    {
        _ = await Devices().CreateAsync("m1", SocketPath, default);
        _kernel.RefusedName = "UI_GET_SYSNAME";

        await Assert.ThrowsAsync<InputDeviceException>(() => Devices().TakeOverAsync("m1", SocketPath, default));

        Assert.Equal(0, _kernel.OpenFiles);
        Assert.Empty(_store.Names);
    }

    [Fact]
    public void A_machine_with_uinput_can_make_them()
    {
        Assert.Null(Devices().Unavailable);
        Assert.Equal(0, _kernel.OpenFiles);
    }

    [Fact]
    public void A_machine_without_uinput_says_so_and_what_to_try()
    {
        File.Delete(_kernel.Options.DevicePath);

        Assert.Contains("does not exist (try: modprobe uinput)", Devices().Unavailable, StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_that_does_not_permit_it_says_so()
    {
        _kernel.RefusedCall = 1;

        Assert.Equal($"{_kernel.Options.DevicePath} cannot be opened: Operation not permitted", Devices().Unavailable);
    }

    [Fact]
    public void The_real_kernel_answers_a_file_that_is_no_uinput_with_its_own_words()
    {
        using var file = new UinputKernel().Open("/dev/null");

        var error = Assert.Throws<System.ComponentModel.Win32Exception>(() => new UinputKernel().Control(file, Uinput.DevCreate, 0));
        Assert.Equal("Inappropriate ioctl for device", error.Message);
        Assert.Throws<System.ComponentModel.Win32Exception>(() => new UinputKernel().Open("/no/such/file"));
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _directory.Delete(recursive: true);
    }

    private UinputInputDevices Devices(FakeUinputKernel? kernel = null) =>
        new(kernel ?? _kernel, _store, Options.Create((kernel ?? _kernel).Options), _clock, NullLogger<UinputInputDevices>.Instance);

    private void AssertNothingLeft(FakeUinputKernel? kernel = null)
    {
        Assert.Equal((0, 0), ((kernel ?? _kernel).Devices, (kernel ?? _kernel).OpenFiles));
        Assert.False(Path.Exists(SocketPath));
    }

    /// <summary>A clock that tells when somebody begins to wait by it.</summary>
    private sealed class WatchedClock : TimeProvider
    {
        private readonly ManualClock _clock = new();
        private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task TimerStarted => _started.Task;

        public void Advance(TimeSpan by) => _clock.Advance(by);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = _clock.CreateTimer(callback, state, dueTime, period);
            _started.TrySetResult();
            return timer;
        }
    }
}
