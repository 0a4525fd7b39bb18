namespace HostService.Silo.Hosting;

/// <summary>Options that are needed before the services are built.</summary>
internal static class EarlyOptions
{
    /// <summary>Binds a section; where it has faults, its defaults, because <see cref="OptionsCheck"/> reports the faults.</summary>
    public static TOptions ReadOrDefaults<TOptions>(this IConfiguration configuration, string section)
        where TOptions : class, new()
    {
        try
        {
            return configuration.GetSection(section).Get<TOptions>() is { } options
                && (options is not IValidatedOptions validated || ValidatedOptions.FaultsOf(validated, section).Count == 0)
                    ? options
                    : new TOptions();
        }
        catch (InvalidOperationException)
        {
            // A value of the wrong type.
            return new TOptions();
        }
    }

    /// <summary>Binds one section, for commands that need only this one.</summary>
    /// <exception cref="StartRefusedException">It has faults, or a key that nothing reads is set; the message names them all.</exception>
    public static TOptions ReadValid<TOptions>(this IConfigurationRoot configuration, string section)
        where TOptions : class, IValidatedOptions, new()
    {
        var services = new ServiceCollection().AddSingleton<IConfiguration>(configuration);
        services.AddValidatedOptions<TOptions>(section);
        StartRefusedException.ThrowIfAny([.. OptionsCheck.Validate(services), .. SettingKeys.Validate(configuration)]);
        return configuration.ReadOrDefaults<TOptions>(section);
    }
}
