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
    public static IReadOnlyList<string> Validate(Type options, IServiceProvider provider) =>
        (IReadOnlyList<string>)typeof(OptionsByProperty)
            .GetMethod(nameof(FaultsOf), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(options)
            .Invoke(null, [provider])!;

    /// <summary>The binder's message: which value it was, and why.</summary>
    public static string Text(InvalidOperationException unreadable) =>
        unreadable.InnerException is { } inner ? $"{unreadable.Message} {inner.Message}" : unreadable.Message;

    private static List<string> FaultsOf<TOptions>(IServiceProvider provider)
        where TOptions : class, new()
    {
        var section = SectionOf(typeof(TOptions));
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
            catch (InvalidOperationException unreadable)
            {
                faults.Add(Text(unreadable));
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

    private static bool IsAbout(string fault, string section, string key) =>
        Regex.IsMatch(
            fault,
            $@"\b{Regex.Escape(section)}(:|__){Regex.Escape(key)}\b",
            RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
            MatchTimeout);

    /// <summary>The class's constant <c>Section</c>, or its name without <c>Options</c>.</summary>
    private static string SectionOf(Type options) =>
        options.GetField("Section", BindingFlags.Public | BindingFlags.Static) is { } constant
            ? (string)constant.GetRawConstantValue()!
            : options.Name[..^"Options".Length];
}
