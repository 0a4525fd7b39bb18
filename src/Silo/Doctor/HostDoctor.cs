using HostService.Grains.Host.Consistency;

namespace HostService.Silo.Doctor;

/// <summary>The machine's checks, and the comparison of everything that mandelboxes have.</summary>
public sealed class HostDoctor(MachineChecks machine, ConsistencyCheck consistency) : IDoctor
{
    /// <summary>Two looks, each of which may wait for the engine.</summary>
    private static readonly TimeSpan ComparisonTimeout = TimeSpan.FromSeconds(10);

    public async Task<DoctorReport> ExamineAsync(CancellationToken cancellationToken)
    {
        var comparison = CompareAsync(cancellationToken);
        var checks = await machine.RunAsync(cancellationToken);
        var (check, differences) = await comparison;
        return new DoctorReport([check, .. checks], differences);
    }

    private async Task<(DoctorCheck Check, IReadOnlyList<Difference> Differences)> CompareAsync(CancellationToken cancellationToken)
    {
        const string Name = "consistency";
        try
        {
            var differences = await consistency.CheckAsync(cancellationToken).WaitAsync(ComparisonTimeout, cancellationToken);
            return (differences.Count == 0
                ? new DoctorCheck(Name, CheckOutcome.Ok, "every mandelbox has what it should, and nothing else is there")
                : new DoctorCheck(
                    Name,
                    CheckOutcome.Failed,
                    differences.Count == 1 ? "1 difference" : $"{differences.Count} differences",
                    "what can be mended is, after Consistency:GracePeriod; end a mandelbox that misses something else"), differences);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            var why = exception is TimeoutException ? $"it took longer than {ComparisonTimeout.TotalSeconds:0} s" : exception.Message;
            return (new DoctorCheck(Name, CheckOutcome.Failed, $"not compared: {why}", "see the other checks"), consistency.Last);
        }
    }
}
