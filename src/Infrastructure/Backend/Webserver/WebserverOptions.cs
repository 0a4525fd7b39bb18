namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>Section <c>Webserver</c>.</summary>
public sealed class WebserverOptions
{
    /// <summary>The webserver's base address, http or https; off when empty.</summary>
    public string Url { get; set; } = "";

    /// <summary>For one request and its answer.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);
}
