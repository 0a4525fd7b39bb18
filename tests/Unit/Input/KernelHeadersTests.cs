using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.Libc;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Input;

/// <summary>Holds our numbers and layouts against this machine's own headers.</summary>
public sealed class KernelHeadersTests
{
    private static readonly string[] Includes =
        ["stddef.h", "stdio.h", "fcntl.h", "sys/ioctl.h", "sys/socket.h", "sys/inotify.h", "errno.h", "linux/uinput.h"];

    [NeedsFact("cc")]
    public void Requests_codes_and_layouts_are_those_of_the_headers()
    {
        var expected = new Dictionary<string, long>
        {
            ["UI_DEV_CREATE"] = Uinput.DevCreate,
            ["UI_DEV_DESTROY"] = Uinput.DevDestroy,
            ["UI_DEV_SETUP"] = Uinput.DevSetup,
            ["UI_ABS_SETUP"] = Uinput.AbsSetup,
            ["UI_SET_EVBIT"] = Uinput.SetEvBit,
            ["UI_SET_KEYBIT"] = Uinput.SetKeyBit,
            ["UI_SET_RELBIT"] = Uinput.SetRelBit,
            ["UI_SET_ABSBIT"] = Uinput.SetAbsBit,
            ["UI_SET_PROPBIT"] = Uinput.SetPropBit,
            ["UI_GET_SYSNAME(64)"] = Uinput.GetSysname,
            ["sizeof(struct uinput_setup)"] = 92,
            ["offsetof(struct uinput_setup, name)"] = 8,
            ["UINPUT_MAX_NAME_SIZE"] = Uinput.NameSize,
            ["sizeof(struct uinput_abs_setup)"] = 28,
            ["offsetof(struct uinput_abs_setup, absinfo.minimum)"] = 8,
            ["offsetof(struct uinput_abs_setup, absinfo.maximum)"] = 12,
            ["EV_KEY"] = Uinput.EvKey,
            ["EV_REL"] = Uinput.EvRel,
            ["EV_ABS"] = Uinput.EvAbs,
            ["REL_X"] = Uinput.RelX,
            ["REL_Y"] = Uinput.RelY,
            ["REL_WHEEL"] = Uinput.RelWheel,
            ["REL_HWHEEL"] = Uinput.RelHorizontalWheel,
            ["ABS_X"] = Uinput.AbsX,
            ["ABS_Y"] = Uinput.AbsY,
            ["BTN_LEFT"] = Uinput.ButtonLeft,
            ["BTN_RIGHT"] = Uinput.ButtonRight,
            ["BTN_MIDDLE"] = Uinput.ButtonMiddle,
            ["BTN_SIDE"] = Uinput.ButtonSide,
            ["BTN_EXTRA"] = Uinput.ButtonExtra,
            ["BTN_TOOL_PEN"] = Uinput.ButtonToolPen,
            ["BTN_TOUCH"] = Uinput.ButtonTouch,
            ["BTN_STYLUS"] = Uinput.ButtonStylus,
            ["REL_WHEEL_HI_RES"] = Uinput.RelWheelHiRes,
            ["REL_HWHEEL_HI_RES"] = Uinput.RelHorizontalWheelHiRes,
            ["INPUT_PROP_POINTER"] = Uinput.PropPointer,
            ["BUS_USB"] = Uinput.BusUsb,
            ["O_RDWR"] = FileCalls.ReadWrite,
            ["O_NONBLOCK"] = FileCalls.NonBlocking,
            ["O_CLOEXEC"] = FileCalls.CloseOnExec,
            ["O_PATH"] = FileCalls.PathOnly,
            ["O_NOFOLLOW"] = FileCalls.NoFollow,
            ["EINTR"] = FileCalls.ErrorInterrupted,
            ["IN_CREATE"] = InotifyCalls.Created,
            ["IN_MOVED_TO"] = InotifyCalls.MovedHere,
            ["IN_ONLYDIR"] = InotifyCalls.OnlyDirectories,
            ["IN_Q_OVERFLOW"] = InotifyCalls.Overflow,
            ["IN_CLOEXEC"] = FileCalls.CloseOnExec,
            ["EMFILE"] = InotifyCalls.NoInstances,
            ["ENOSPC"] = InotifyCalls.NoWatches,
            ["sizeof(struct inotify_event)"] = Marshal.SizeOf<InotifyCalls.Event>(),
            ["offsetof(struct inotify_event, len)"] = Marshal.OffsetOf<InotifyCalls.Event>("NameLength"),
            ["SOL_SOCKET"] = SocketCalls.SocketLevel,
            ["SCM_RIGHTS"] = SocketCalls.ScmRights,
            ["MSG_NOSIGNAL"] = SocketCalls.NoSignal,
            ["sizeof(struct msghdr)"] = Marshal.SizeOf<SocketCalls.MessageHeader>(),
            ["offsetof(struct msghdr, msg_iov)"] = Marshal.OffsetOf<SocketCalls.MessageHeader>("Vectors"),
            ["offsetof(struct msghdr, msg_control)"] = Marshal.OffsetOf<SocketCalls.MessageHeader>("Control"),
            ["offsetof(struct msghdr, msg_controllen)"] = Marshal.OffsetOf<SocketCalls.MessageHeader>("ControlLength"),
            ["sizeof(struct cmsghdr)"] = Marshal.SizeOf<SocketCalls.ControlHeader>(),
            ["CMSG_LEN(12)"] = 28,
            ["CMSG_SPACE(12)"] = 32,
        };

        Assert.Equal(expected, Evaluate(expected.Keys));
    }

    private static Dictionary<string, long> Evaluate(IEnumerable<string> expressions)
    {
        var directory = Directory.CreateTempSubdirectory("headers");
        try
        {
            var source = Path.Combine(directory.FullName, "headers.c");
            var prints = expressions.Select(e => $"printf(\"%s\\t%lld\\n\", \"{e}\", (long long)({e}));");
            File.WriteAllLines(
                source, ["#define _GNU_SOURCE", .. Includes.Select(i => $"#include <{i}>"), "int main(void) {", .. prints, "return 0; }"]);
            var program = Path.Combine(directory.FullName, "headers");
            Run(Needs.Program("cc")!, "-o", program, source);
            return Run(program).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(l => l.Split('\t'))
                .ToDictionary(l => l[0], l => long.Parse(l[1], CultureInfo.InvariantCulture));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
