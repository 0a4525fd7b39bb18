using HostService.Infrastructure.Linux.Systemd;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Systemd;

public sealed class StatusLineTests
{
    private readonly FakeSystemd _systemd = new();
    private readonly StatusLine _line;

    public StatusLineTests() => _line = new StatusLine(_systemd);

    private IEnumerable<string> Statuses => _systemd.Notifications.Select(n => n["STATUS=".Length..]);

    [Fact]
    public void The_usual_is_told_when_it_changes()
    {
        _line.SetNormal("1 mandelbox");
        _line.SetNormal("1 mandelbox");
        _line.SetNormal("2 mandelboxes");
        Assert.Equal(["1 mandelbox", "2 mandelboxes"], Statuses);
    }

    [Fact]
    public void What_is_wrong_stands_there_until_it_is_over_and_then_the_latest_usual()
    {
        _line.SetNormal("1 mandelbox");
        _line.SetError("the event stream: no progress");
        _line.SetNormal("2 mandelboxes");
        _line.SetError(null);
        Assert.Equal(["1 mandelbox", "the event stream: no progress", "2 mandelboxes"], Statuses);
    }

    [Fact]
    public void While_the_way_out_runs_nothing_else_is_told()
    {
        _line.SetNormal("1 mandelbox");
        _line.SetShutdown("shutting down: close the host");
        _line.SetNormal("0 mandelboxes");
        _line.SetError("grain calls: no progress");
        _line.SetError(null);
        _line.SetShutdown("shutting down: stop metrics");
        Assert.Equal(["1 mandelbox", "shutting down: close the host", "shutting down: stop metrics"], Statuses);
    }
}
