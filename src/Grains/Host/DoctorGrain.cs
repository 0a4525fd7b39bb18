namespace HostService.Grains.Host;

/// <summary>The doctor's address for a gateway in any process.</summary>
public sealed class DoctorGrain(IDoctor doctor) : Grain, IDoctorGrain
{
    public Task<DoctorReport> Examine() => doctor.ExamineAsync(CancellationToken.None);
}
