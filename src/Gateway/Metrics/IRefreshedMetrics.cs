namespace HostService.Gateway.Metrics;

/// <summary>
/// Gauges of what grains know. Instruments are read synchronously and grains are not, so the gauges show the last refresh.
/// </summary>
internal interface IRefreshedMetrics
{
    /// <summary>Asks the grains; never throws.</summary>
    Task RefreshAsync();
}
