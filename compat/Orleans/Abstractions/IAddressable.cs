namespace Orleans.Runtime;

/// <summary>Whatever a grain reference can point to.</summary>
[GenerateMethodSerializers(typeof(GrainReference))]
public interface IAddressable
{
}
