namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>systemd's <c>STATUS=</c> line. Priority: shutdown, error, normal. Sent on change. Safe from any thread.</summary>
public sealed class StatusLine(ISystemd systemd)
{
    private readonly Lock _gate = new();
    private string _normal = "";
    private string? _error;
    private string? _shutdown;
    private string _sent = "";

    public void SetNormal(string line) => Change(() => _normal = line);

    /// <summary>An error, shown instead of the normal status until it is null again.</summary>
    public void SetError(string? line) => Change(() => _error = line);

    /// <summary>The progress of the shutdown, shown instead of all else until it is null again.</summary>
    public void SetShutdown(string? line) => Change(() => _shutdown = line);

    private void Change(Action change)
    {
        lock (_gate)
        {
            change();
            var line = _shutdown ?? _error ?? _normal;
            if (line != _sent)
            {
                _sent = line;
                systemd.Status(line);
            }
        }
    }
}
