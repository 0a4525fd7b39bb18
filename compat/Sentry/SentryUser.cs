namespace Sentry;

/// <summary>Whom an event concerns.</summary>
public sealed class SentryUser
{
    public string? Id { get; set; }

    public string? Username { get; set; }

    public string? Email { get; set; }

    public string? IpAddress { get; set; }

    public IDictionary<string, string> Other { get; set; } = new Dictionary<string, string>();

    internal bool HasAnyData => Id is not null || Username is not null || Email is not null || IpAddress is not null || Other.Count > 0;

    public SentryUser Clone()
    {
        var copy = new SentryUser();
        CopyTo(copy);
        return copy;
    }

    /// <summary>Fills what <paramref name="user"/> has not set itself.</summary>
    internal void CopyTo(SentryUser user)
    {
        user.Id ??= Id;
        user.Username ??= Username;
        user.Email ??= Email;
        user.IpAddress ??= IpAddress;
        if (user.Other.Count == 0)
        {
            user.Other = new Dictionary<string, string>(Other);
        }
    }
}
