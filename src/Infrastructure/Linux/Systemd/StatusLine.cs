namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>
/// systemd's one <c>STATUS=</c> line, of which several have something to say: what ends the service goes before what is wrong, and that before what is usual. Told when it
/// changes. Safe from any thread.
/// </summary>
public sealed class StatusLine(ISystemd systemd)
{
    private readonly Lock _gate = new();
    private string _usual = "";
    private string? _trouble;
    private string? _ending;
    private string _told = "";

    /// <summary>What goes on when all is well.</summary>
    public void Say(string line) => Change(() => _usual = line);

    /// <summary>What is wrong, in place of the usual; null when it is over, and then the usual is told again.</summary>
    public void Trouble(string? line) => Change(() => _trouble = line);

    /// <summary>What the way out does. From the first of these on nothing else is told.</summary>
    public void End(string line) => Change(() => _ending = line);

    private void Change(Action change)
    {
        lock (_gate)
        {
            change();
            var line = _ending ?? _trouble ?? _usual;
            if (line != _told)
            {
                _told = line;
                systemd.Status(line);
            }
        }
    }
}
