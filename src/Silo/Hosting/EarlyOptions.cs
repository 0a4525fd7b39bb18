namespace HostService.Silo.Hosting;

/// <summary>Options that are needed before the services are built.</summary>
internal static class EarlyOptions
{
    /// <summary>Binds a section; where that fails, its defaults, because <see cref="OptionsCheck"/> reports the fault.</summary>
    public static TOptions ReadOrDefaults<TOptions>(this IConfiguration configuration, string section)
        where TOptions : class, new()
    {
        try
        {
            return configuration.GetSection(section).Get<TOptions>() ?? new TOptions();
        }
        catch (InvalidOperationException)
        {
            // A value of the wrong type.
            return new TOptions();
        }
    }
}
