using Orleans.Runtime;

namespace Orleans;

/// <summary>A grain that can be called through a reference.</summary>
public interface IGrain : IAddressable
{
}

public interface IGrainWithGuidKey : IGrain
{
}

public interface IGrainWithIntegerKey : IGrain
{
}

public interface IGrainWithStringKey : IGrain
{
}

public interface IGrainWithGuidCompoundKey : IGrain
{
}

public interface IGrainWithIntegerCompoundKey : IGrain
{
}
