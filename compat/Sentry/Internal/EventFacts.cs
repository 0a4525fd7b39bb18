namespace Sentry.Internal;

/// <summary>What is filled in just before an event goes to the callback: options, defaults, loaded assemblies.</summary>
internal static class EventFacts
{
    public static void Fill(SentryEvent sentryEvent, SentryOptions options)
    {
        sentryEvent.Level ??= SentryLevel.Error;
        sentryEvent.Release ??= options.Release;
        sentryEvent.Distribution ??= options.Distribution;
        sentryEvent.Environment ??= options.Environment;
        if (!string.IsNullOrEmpty(options.ServerName))
        {
            sentryEvent.ServerName ??= options.ServerName;
        }
        else if (options.SendDefaultPii)
        {
            sentryEvent.ServerName ??= Environment.MachineName;
        }

        if (options.SendDefaultPii)
        {
            if (!sentryEvent.HasUser())
            {
                sentryEvent.User.Username = Environment.UserName;
            }

            sentryEvent.User.IpAddress ??= "{{auto}}";
        }

        // In global mode it is on the scope, where the program may have put another.
        if (!options.IsGlobalModeEnabled)
        {
            sentryEvent.User.Id ??= options.InstallationId;
        }

        foreach (var (key, value) in options.DefaultTags.Where(tag => !sentryEvent.Tags.ContainsKey(tag.Key)))
        {
            sentryEvent.SetTag(key, value);
        }

        if (options.AttachStacktrace && sentryEvent.Exception?.StackTrace is null)
        {
            sentryEvent.CallerStack = StackTraces.OfCaller();
        }

        foreach (var name in AppDomain.CurrentDomain.GetAssemblies().Where(a => !a.IsDynamic).Select(a => a.GetName()))
        {
            if (name is { Name: { } module, Version: { } version })
            {
                sentryEvent.Modules[module] = version.ToString();
            }
        }
    }
}
