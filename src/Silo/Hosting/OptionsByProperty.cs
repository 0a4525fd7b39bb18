using System.Reflection;
using System.Text.RegularExpressions;

namespace HostService.Silo.Hosting;

/// <summary>
/// Validates a section in which some value has the wrong type. Binds each property by itself, so that every such value is reported, and
/// then runs the validators on the others.
/// </summary>
internal static class OptionsByProperty
{
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Every fault of the section; faults of validators about a property that could not be bound are left out.</summary>
    public static IReadOnlyList<string> Validate(Type options, string section, IServiceProvider provider) =>
        (IReadOnlyList<string>)typeof(OptionsByProperty)
            .GetMethod(nameof(FaultsOf), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(options)
            .Invoke(null, [section, provider])!;

    private static List<string> FaultsOf<TOptions>(string section, IServiceProvider provider)
        where TOptions : class, new()
    {
        var options = new TOptions();
        var faults = new List<string>();
        var unread = new List<string>();
        foreach (var setting in provider.GetRequiredService<IConfiguration>().GetSection(section).GetChildren())
        {
            try
            {
                var alone = new ConfigurationBuilder()
                    .AddInMemoryCollection(setting.AsEnumerable().Where(s => s.Value is not null))
                    .Build();
                alone.GetSection(section).Bind(options);
            }
            catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or TargetInvocationException)
            {
                var expected = exception is InvalidOperationException ? Expected(typeof(TOptions), setting.Key) : "within its range";
                faults.Add($"{setting.Path} is '{ValueOf(setting)}'; it must be {expected}.");
                unread.Add(setting.Key);
            }
        }

        if (unread.Count > 0)
        {
            foreach (var after in provider.GetServices<IPostConfigureOptions<TOptions>>())
            {
                after.PostConfigure(Options.DefaultName, options);
            }

            faults.AddRange(provider.GetServices<IValidateOptions<TOptions>>()
                .Select(check => check.Validate(Options.DefaultName, options))
                .Where(result => result.Failed)
                .SelectMany(result => result.Failures ?? [])
                .Where(fault => !unread.Exists(key => IsAbout(fault, section, key))));
        }

        return faults;
    }

    private static string ValueOf(IConfigurationSection setting) =>
        setting.Value ?? string.Join(", ", setting.AsEnumerable().Select(s => s.Value).OfType<string>());

    /// <summary>In words of the reader's, not of .NET's.</summary>
    private static string Expected(Type options, string key)
    {
        var type = SettingKeys.PropertyOf(options, key)?.PropertyType ?? typeof(object);
        type = type.IsArray ? type.GetElementType()! : type;
        return (Nullable.GetUnderlyingType(type) ?? type) switch
        {
            var t when t == typeof(bool) => "true or false",
            var t when t == typeof(TimeSpan) => "a time such as 00:00:30",
            var t when t == typeof(int) || t == typeof(long) => "a whole number",
            { IsEnum: true } t => $"one of {string.Join(", ", Enum.GetNames(t))}",
            _ => "another value",
        };
    }

    private static bool IsAbout(string fault, string section, string key) =>
        Regex.IsMatch(
            fault,
            $@"\b{Regex.Escape(section)}(:|__){Regex.Escape(key)}\b",
            RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
            MatchTimeout);
}
