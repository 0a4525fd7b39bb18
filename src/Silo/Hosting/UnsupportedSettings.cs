namespace HostService.Silo.Hosting;

/// <summary>
/// Settings whose names are agreed on and that this version does nothing with. Setting one is a fault: an operator who asked for a warm
/// pool must not find out from waiting users that there is none.
/// </summary>
internal static class UnsupportedSettings
{
    public static IEnumerable<string> Validate(IConfiguration configuration)
    {
        foreach (var app in configuration.GetSection("WarmPool:Apps").GetChildren().Where(app => app.Value is not (null or "" or "0")))
        {
            yield return $"WarmPool:Apps:{app.Key} is {app.Value}; this version keeps no mandelboxes waiting: leave it out.";
        }
    }

    /// <summary>The keys of section <c>WarmPool</c>.</summary>
    internal sealed class WarmPool
    {
        public Dictionary<string, string> Apps { get; set; } = [];
    }
}
