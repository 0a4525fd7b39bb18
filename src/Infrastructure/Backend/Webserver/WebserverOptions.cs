namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>Section <c>Webserver</c>.</summary>
public sealed class WebserverOptions : IValidatedOptions
{
    public const string Section = "Webserver";

    /// <summary>The webserver's base address, http or https; off when empty.</summary>
    public string Url { get; set; } = "";

    /// <summary>For one request and its answer.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    internal bool IsOn => !string.IsNullOrWhiteSpace(Url);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (!IsOn || IsBaseAddress(Url), $"Webserver:Url must be an absolute http(s) address without a query, but is \"{Url}\"."),
        (Timeout > TimeSpan.Zero && Timeout <= TimeSpan.FromMinutes(1),
            $"Webserver:Timeout must be over 0 and at most 1 minute, but is {Timeout}."));

    private static bool IsBaseAddress(string address) => Uri.TryCreate(address, UriKind.Absolute, out var url)
        && url.Scheme is "http" or "https" && url.Query.Length == 0 && url.Fragment.Length == 0;
}
