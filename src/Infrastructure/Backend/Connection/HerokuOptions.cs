namespace HostService.Infrastructure.Backend.Connection;

/// <summary>Section <c>Heroku</c>: the third source of the connection string, used where the other two are empty (B27).</summary>
public sealed class HerokuOptions
{
    /// <summary>A secret.</summary>
    public string ApiKey { get; set; } = "";

    /// <summary>The web backend's app, whose config var <c>DATABASE_URL</c> is read.</summary>
    public string App { get; set; } = "";

    /// <summary>Heroku's platform API.</summary>
    public string Endpoint { get; set; } = "https://api.heroku.com";
}
