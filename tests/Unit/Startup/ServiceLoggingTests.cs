using HostService.Silo.Reporting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace HostService.Tests.Unit.Startup;

/// <summary>What an operator reads of the log.</summary>
public sealed class ServiceLoggingTests
{
    [Fact]
    public void A_line_has_time_level_short_category_and_text_and_no_event_id() =>
        Assert.Matches(@"\A\d\d:\d\d:\d\d\.\d{3} warn: HostGrain: Mandelbox a gets no lease\n\z", Line("simple", LogLevel.Warning, null));

    [Fact]
    public void An_exception_follows_its_line() => Assert.Matches(
        @"fail: HostGrain: Mandelbox a gets no lease\nSystem.InvalidOperationException: no\n\z",
        Line("simple", LogLevel.Error, new InvalidOperationException("no")));

    [Theory]
    [InlineData(LogLevel.Information, "<6>info")]
    [InlineData(LogLevel.Warning, "<4>warn")]
    [InlineData(LogLevel.Error, "<3>fail")]
    [InlineData(LogLevel.Critical, "<2>crit")]
    public void The_journal_gets_one_line_that_begins_with_its_own_number_for_the_level(LogLevel level, string begin) => Assert.Equal(
        $"{begin}: HostGrain: Mandelbox a gets no lease System.InvalidOperationException: two lines\n",
        Line("systemd", level, new InvalidOperationException("two\nlines")));

    [Theory]
    [InlineData("Orleans", LogLevel.Information, false)]
    [InlineData("Orleans.Runtime.Silo", LogLevel.Error, true)]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Information, false)]
    [InlineData("Polly", LogLevel.Information, false)]
    [InlineData("HostService.Grains.Host.HostGrain", LogLevel.Information, true)]
    public void What_others_say_is_kept_to_what_concerns_an_operator(string category, LogLevel level, bool logged) =>
        Assert.Equal(logged, Logging().CreateLogger(category).IsEnabled(level));

    [Theory]
    [InlineData("Orleans.Runtime.Silo", true)]
    [InlineData("Polly", false)]
    public void Who_asks_for_more_of_Orleans_gets_no_line_for_each_placement(string category, bool logged) =>
        Assert.Equal(logged, Logging(("Logging:LogLevel:Orleans", "Information")).CreateLogger(category).IsEnabled(LogLevel.Information));

    [Fact]
    public void Who_asks_for_placements_gets_them() =>
        Assert.True(Logging(("Logging:LogLevel:Polly", "Information")).CreateLogger("Polly").IsEnabled(LogLevel.Information));

    private static ILoggerFactory Logging(params (string Key, string Value)[] settings) =>
        Services(settings).GetRequiredService<ILoggerFactory>();

    private static ServiceProvider Services(params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection(settings.ToDictionary(s => s.Key, s => (string?)s.Value));
        builder.AddServiceLogging();
        return builder.Services.BuildServiceProvider();
    }

    private static string Line(string format, LogLevel level, Exception? exception)
    {
        var services = Services(("Logging:Format", format));
        var name = services.GetRequiredService<Microsoft.Extensions.Options.IOptions<ConsoleLoggerOptions>>().Value.FormatterName;
        var formatter = services.GetServices<ConsoleFormatter>().Single(f => f.Name == name);
        using var writer = new StringWriter();
        const string text = "Mandelbox a gets no lease";
        var entry = new LogEntry<string>(
            level, "HostService.Grains.Host.HostGrain", new EventId(698744209), text, exception, (state, _) => state);
        formatter.Write(entry, null, writer);
        return writer.ToString();
    }
}
